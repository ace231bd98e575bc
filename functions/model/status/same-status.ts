import { type ImageCache, type Status, emptyStatus } from '#model/cache/image-cache.ts';
import { registryUse } from '#model/cache/registry-use.ts';
import { removalEntry } from '#model/cache/removal-ledger.ts';
import { ledgerEntry } from '#model/cache/ledger.ts';
import { serializeStatus } from './serialize-status.ts';

/**
 * Whether writing this status changes nothing. Entries of nodes are compared one by one, and only if they are not the same
 * object: every decision compares thousands of them.
 */
export function isSameStatus(status: Status, cache: ImageCache): boolean {
  const { status: before, discardedFormat } = cache;
  if (discardedFormat !== undefined) return false;
  if (
    !isSameRecord(status.nodes, before.nodes, ledgerEntry.write) ||
    !isSameRecord(status.removals, before.removals, removalEntry.write) ||
    !isSameRecord(status.registries, before.registries, registryUse.write)
  )
    return false;
  // What is derived from entries follows from what is written of them.
  const { nodes, removals, registries } = before;
  const next = { ...status, nodes, removals, registries };
  return hasSameFields(next, before) || hasSameJson(next, before, (each) => serializeStatus(each, cache));
}

/** Whether the same is written of two records: the same entries in the same order. */
function isSameRecord<Entry>(
  a: Readonly<Record<string, Entry>>,
  b: Readonly<Record<string, Entry>>,
  serialized: (entry: Entry) => unknown,
): boolean {
  if (a === b) return true;
  const [names, others] = [Object.keys(a), Object.keys(b)];
  const isSame = (entry: Entry | undefined, other: Entry | undefined): boolean =>
    isEqual(entry, other) || hasSameJson(entry, other, (each) => each && serialized(each));
  return names.length === others.length && names.every((name, at) => name === others[at] && isSame(a[name], b[name]));
}

const statusFields = Object.keys(emptyStatus) as (keyof Status)[];

const hasSameFields = (a: Status, b: Status): boolean => statusFields.every((field) => isEqual(a[field], b[field]));

const hasSameJson = <T>(a: T, b: T, serialized: (value: T) => unknown): boolean =>
  JSON.stringify(serialized(a)) === JSON.stringify(serialized(b));

/** Whether two values of one type are equal, with their keys in the same order. */
function isEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (!isObject(a) || !isObject(b)) return false;
  const [keys, others] = [Object.keys(a), Object.keys(b)];
  return keys.length === others.length && keys.every((key, at) => key === others[at] && isEqual(a[key], b[key]));
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
