import { type JsonObject, isObject, textAt } from '../../json.ts';
import { type Core, type Written, keptIn } from '../core.ts';
import { type KubeObject, nameOf } from '../kube-object.ts';
import { applyObject } from '../patch/apply.ts';
import { jsonPatch } from '../patch/json-patch.ts';
import type { PatchRequest } from '../patch/patch-request.ts';
import { mergePatch } from '../patch/merge-patch.ts';
import { strategicMerge } from '../patch/strategic-merge.ts';
import type { Resource } from '../resource.ts';
import { invalidValue } from '../schema/field-errors.ts';
import { badRequest, invalid, notFound, unsupportedMedia } from '../status-error.ts';
import { decode } from './decode.ts';
import { updateDecoded } from './update.ts';

export const patchTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

const patched = (resource: Resource, object: KubeObject, { contentType, patch }: PatchRequest): unknown => {
  switch (contentType) {
    case patchTypes.json:
      return jsonPatch(object, patch);
    case patchTypes.merge:
      return mergePatch(object, patch);
    case patchTypes.strategic:
      if (!resource.custom) return strategicMerge(object, patch);
      break;
  }
  const { json, merge, strategic, apply } = patchTypes;
  throw unsupportedMedia(resource.custom ? [json, merge, apply] : [json, merge, strategic, apply]);
};

const checkName = (resource: Resource, object: JsonObject, name: string): void => {
  const given = textAt(object, 'metadata', 'name');
  if (given !== name)
    throw given === ''
      ? invalid(resource, '', [invalidValue('metadata.name', given, 'field is immutable')])
      : badRequest(`the name of the object (${given}) does not match the name on the URL (${name})`);
};

/** PATCH: changes an object, or its status, by a patch of any of the four kinds. */
export const patchObject = (core: Core, resource: Resource, request: PatchRequest): Written => {
  const { namespace, name } = request;
  if (request.contentType === patchTypes.apply) return applyObject(core, resource, request);
  const old = keptIn(core, resource, namespace, name);
  if (old === undefined) throw notFound(resource, name);
  const result = patched(resource, old, request);
  if (!isObject(result)) throw badRequest('the patch leaves no object');
  checkName(resource, result, nameOf(old));
  const { object: body, warnings } = decode(resource, result, request);
  return { object: updateDecoded(core, resource, { ...request, old, body }), warnings };
};
