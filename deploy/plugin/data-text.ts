import { stringify } from 'yaml';

/** Data as JSON or YAML, for -o json and -o yaml; undefined for other formats. */
export function dataText(output: string, data: unknown): string | undefined {
  if (output === 'json') return JSON.stringify(data, undefined, 2);
  return output === 'yaml' ? stringify(data, { lineWidth: 0 }).trimEnd() : undefined;
}
