import { isList, isObject, listAt, objectAt, textAt } from '../../../deploy/simulator/json.ts';
import type { Answer } from './api-client.ts';
import type { Row } from './requests.ts';

/** What differs from cluster to cluster by its nature. */
const own = ['uid', 'resourceVersion', 'creationTimestamp', 'deletionTimestamp', 'time', 'storageVersionHash'];

const plainText = (text: string): string =>
  text
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UID')
    .replaceAll(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/\(\d+\)$/g, '(N)')
    .replaceAll(/record \(\d+\)/g, 'record (N)')
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

const causes = (body: unknown): unknown =>
  listAt(body, 'details', 'causes')
    .map((cause) => plain(cause))
    .sort((left, right) => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1));

/** The complaints of a refusal in one order: the API server walks maps in any. */
const message = (body: unknown): string => {
  const text = plainText(textAt(body, 'message'));
  const [, head, list] = /^(.*? is invalid: )\[(.*)\]$/s.exec(text) ?? [];
  return head === undefined || list === undefined
    ? text
    : head +
        list
          .split(/, (?=[a-z<])/)
          .sort()
          .join(', ');
};

/** What of an answer must be the same on both clusters. */
export const comparable = ({ whole, loose }: Row, { status, body, warnings }: Answer): unknown => {
  if (status >= 400 && loose === true) return { status, reason: textAt(body, 'reason') };
  if (status >= 400)
    return {
      status,
      reason: textAt(body, 'reason'),
      message: message(body),
      details: { ...objectAt(plain(body), 'details'), causes: causes(body) },
    };
  return { status, warnings, ...(whole === true ? { body: plain(body) } : {}) };
};
