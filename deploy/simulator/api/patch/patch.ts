import type { WriteOptions } from '../core.ts';
import type { Subresource } from '../verbs/update.ts';
import { applyPatch, type Operation } from 'rfc6902';
import { type JsonObject, at, isList, isObject } from '../../json.ts';
import { StatusError, badRequest, notImplemented } from '../status-error.ts';
import jsonMergePatch from 'json-merge-patch';

export type PatchRequest = WriteOptions & {
  readonly namespace: string;
  readonly name: string;
  readonly subresource: Subresource;
  readonly contentType: string;
  readonly patch: unknown;
};

const names = ['add', 'remove', 'replace', 'move', 'copy', 'test'];

const isOperation = (value: unknown): value is Operation =>
  isObject(value) &&
  typeof value['path'] === 'string' &&
  typeof value['op'] === 'string' &&
  names.includes(value['op']);

const rejected = (): StatusError =>
  new StatusError(422, 'Invalid', 'the server rejected our request due to an error in our request', {});

const keysOf = (path: string): readonly string[] =>
  path
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));

/** The API server replaces also what is not there yet, as long as there is an object to put it in. */
const asServer = (root: unknown, operation: Operation): Operation => {
  if (operation.op !== 'replace' || operation.path === '') return operation;
  const keys = keysOf(operation.path);
  const [parent, last] = [at(root, ...keys.slice(0, -1)), keys.at(-1) ?? ''];
  return isObject(parent) && !Object.hasOwn(parent, last) ? { ...operation, op: 'add' } : operation;
};

/** RFC 6902 on a copy: all of it or, with 422, nothing. */
export const jsonPatch = (object: JsonObject, patch: unknown): unknown => {
  if (!isList(patch))
    throw badRequest(
      'error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp',
    );
  if (patch.length > 10_000)
    throw new StatusError(
      413,
      'RequestEntityTooLarge',
      `Request entity too large: The allowed maximum operations in a JSON patch is 10000, got ${patch.length}`,
    );
  const copy: unknown = structuredClone(object);
  for (const operation of structuredClone(patch)) {
    if (!isOperation(operation)) throw rejected();
    const [failed] = applyPatch(copy, [asServer(copy, operation)]);
    if (failed !== null) throw rejected();
  }
  return copy;
};

/** RFC 7396 on a copy. */
export const mergePatch = (object: JsonObject, patch: unknown): unknown => {
  if (!isObject(patch))
    throw badRequest(
      'error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}',
    );
  return jsonMergePatch.apply(structuredClone(object), structuredClone(patch));
};

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
