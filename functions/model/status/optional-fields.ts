import { timeText } from '#model/text/times.ts';

/** Fields of the status as JSON for the API server. */
export type SerializedFields = Readonly<Record<string, unknown>>;

/** The field with this text; none for an empty one. */
export const text = (key: string, value: string): Readonly<Record<string, string>> =>
  value === '' ? {} : { [key]: value };

/** The field with this time as text, in seconds; none for undefined. */
export const time = (key: string, value: number | undefined): Readonly<Record<string, string>> =>
  value === undefined ? {} : { [key]: timeText(value) };
