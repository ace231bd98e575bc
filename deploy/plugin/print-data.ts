import { stringify } from 'yaml';

/** A report as data, for -o json and -o yaml; undefined for the formats that people read. */
export function dataText(output: string, data: unknown): string | undefined {
  if (output === 'json') return JSON.stringify(data, undefined, 2);
  return output === 'yaml' ? stringify(data, { lineWidth: 0 }).trimEnd() : undefined;
}
