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

/** RFC 6902 on a copy: all of it or, with 422, nothing. */
export const jsonPatch = (object: JsonObject, patch: unknown): unknown => {
  if (!isList(patch))
    throw badRequest('error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch');
  if (patch.length > 10_000)
    throw new StatusError(
      413,
      'RequestEntityTooLarge',
      `Request entity too large: The allowed maximum operations in a JSON patch is 10000, got ${patch.length}`,
    );
  const operations = patch.filter(isOperation);
  if (operations.length !== patch.length) throw rejected();
  const copy: unknown = structuredClone(object);
  const failed = applyPatch(copy, structuredClone(operations)).some((error) => error !== null);
  if (failed) throw rejected();
  // The library replaces what is not there where the server refuses to.
  return operations.some(({ op, path }) => op === 'replace' && path === '') ? at({ copy }, 'copy') : copy;
};
