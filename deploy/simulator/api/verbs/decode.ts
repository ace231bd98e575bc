import { type JsonObject, isObject, textAt } from '../../json.ts';
import type { WriteOptions, Written } from '../core.ts';
import { kubeObject } from '../kube-object.ts';
import { type Resource, groupVersion } from '../resource.ts';
import { withDefaults } from '../schema/defaults.ts';
import { pruneUnknown } from '../schema/unknown-fields.ts';
import { withoutNulls } from '../schema/without-nulls.ts';
import { invalidValue } from '../schema/field-errors.ts';
import { badRequest, invalid } from '../status-error.ts';

const handled = (resource: Resource, why: string) =>
  badRequest(`${resource.kind} in version "${resource.version}" cannot be handled as a ${resource.kind}: ${why}`);

const checkKind = (resource: Resource, body: JsonObject): void => {
  const [kind, apiVersion] = [textAt(body, 'kind'), textAt(body, 'apiVersion')];
  if (kind !== '' && kind !== resource.kind && resource.custom)
    throw invalid({ ...resource, kind }, textAt(body, 'metadata', 'name'), [
      invalidValue('kind', kind, `must be ${resource.kind}`),
    ]);
  if (kind !== '' && kind !== resource.kind)
    throw badRequest(
      `${kind} in version "${resource.version}" cannot be handled as a ${resource.kind}: no kind "${kind}" is registered for version "${groupVersion(resource)}"`,
    );
  if (apiVersion !== '' && apiVersion !== groupVersion(resource))
    throw badRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version (${groupVersion(resource)})`,
    );
};

const decoded = (resource: Resource, body: JsonObject): JsonObject => {
  if (!resource.custom) return withoutNulls(body);
  const filled = withDefaults(body, resource.schema);
  return isObject(filled) ? filled : body;
};

/** A body as an object of a resource: of the right kind and types, without what the schema does not know. Throws 400. */
export const decode = (resource: Resource, body: unknown, options: WriteOptions): Written => {
  if (!isObject(body)) throw badRequest(`the body of the request is not a ${resource.kind} object`);
  checkKind(resource, body);
  const pruned = pruneUnknown(body, resource.schema);
  const unknown = pruned.unknown.map((field) => `unknown field "${field}"`);
  if (options.fieldValidation === 'Strict' && unknown.length > 0)
    throw handled(resource, `strict decoding error: ${unknown.join(', ')}`);
  const object = decoded(resource, isObject(pruned.value) ? pruned.value : {});
  const named = { ...object, apiVersion: groupVersion(resource), kind: resource.kind };
  return {
    object: kubeObject({
      ...named,
      metadata: isObject(object['metadata']) ? object['metadata'] : {},
    }),
    warnings: options.fieldValidation === 'Warn' ? unknown : [],
  };
};
