import { type Answer, isList, isObject, textAt } from '@imagecache-functions/simulator/testing';
import type { Row } from './requests.ts';

/** What differs from cluster to cluster by its nature. */
const own = ['uid', 'resourceVersion', 'creationTimestamp', 'deletionTimestamp', 'time', 'storageVersionHash'];

const plainText = (text: string): string =>
  text
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UID')
    .replaceAll(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/^\d+[smhd]$/g, 'AGE');

/** An answer without what is a cluster's own: versions, uids, times. */
const plain = (value: unknown, key = ''): unknown => {
  if (own.includes(key) && value !== '') return key.toUpperCase();
  if (typeof value === 'string') return plainText(value);
  if (isList(value)) return value.map((item) => plain(item));
  if (!isObject(value)) return value;
  const fields = Object.entries(value)
    .filter(([field]) => !['managedFields', 'description'].includes(field))
    .map(([field, inner]): [string, unknown] => [field, plain(inner, field)]);
  return Object.fromEntries(fields.sort(([left], [right]) => (left < right ? -1 : 1)));
};

/** What of an answer must be the same on both clusters: of a refusal the status and the reason, not its words. */
export const comparable = ({ whole }: Row, { status, body, warnings }: Answer): unknown => {
  if (status >= 400) return { status, reason: textAt(body, 'reason') };
  return { status, warnings, ...(whole === true ? { body: plain(body) } : {}) };
};
