import { type JsonObject, isList, isObject } from '../../json.ts';
import { notImplemented } from '../status-error.ts';
import { mergePatch } from './merge-patch.ts';

/** Lists without a merge key: Kubernetes replaces them as a whole, like a merge patch does. */
const atomicLists = ['taints'];

/** The first field that a merge patch would treat differently: a directive, or a list that may have a merge key. */
const unsupportedField = (patch: unknown): string | undefined => {
  for (const [field, value] of Object.entries(isObject(patch) ? patch : {})) {
    if (field.startsWith('$') || (isList(value) && !atomicLists.includes(field))) return field;
    const inner = unsupportedField(value);
    if (inner !== undefined) return inner;
  }
  return undefined;
};

/** A strategic merge patch that does not merge lists, as `kubectl cordon` and `kubectl taint` send it. Throws 501 for others. */
export const strategicMerge = (object: JsonObject, patch: unknown): unknown => {
  const field = unsupportedField(patch);
  if (field !== undefined) throw notImplemented(`${field} in a strategic merge patch`);
  return mergePatch(object, patch);
};
