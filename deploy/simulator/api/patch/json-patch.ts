import { applyPatch, type Operation } from 'rfc6902';
import { type JsonObject, at, isList, isObject } from '../../json.ts';
import { StatusError, badRequest } from '../status-error.ts';

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
