import { type JsonObject, isObject } from '../../json.ts';
import { badRequest } from '../status-error.ts';
import jsonMergePatch from 'json-merge-patch';

/** RFC 7396 on a copy. */
export const mergePatch = (object: JsonObject, patch: unknown): unknown => {
  if (!isObject(patch))
    throw badRequest(
      'error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}',
    );
  return jsonMergePatch.apply(structuredClone(object), structuredClone(patch));
};
