import type { JsonObject } from '../../json.ts';

/** An answer that is ready to be sent. */
export type Answer = {
  readonly status: number;
  readonly body: JsonObject | string;
  readonly warnings?: readonly string[];
};

export const json = (body: JsonObject, status = 200, warnings: readonly string[] = []): Answer => ({
  status,
  body,
  warnings,
});

/** The headers that carry warnings: kubectl prints them. */
export const warningHeaders = (warnings: readonly string[]): string[] =>
  warnings.map((text) => `299 - "${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`);
