import { type KubeObject, labelsOf, nameOf, namespaceOf } from '../kube-object.ts';
import { type Resource, groupVersion } from '../resource.ts';
import { matchesFields, parseFieldSelector } from '../selectors/field-selector.ts';
import { matchesLabels, parseLabelSelector } from '../selectors/label-selector.ts';
import { badRequest } from '../status-error.ts';

export type Selection = { readonly isAll: boolean; readonly matches: (object: KubeObject) => boolean };

const nothing: KubeObject = { apiVersion: '', kind: '', metadata: {} };

/** Which objects a list or watch asks for, by its selectors. Throws 400 for a field that cannot be selected by. */
export const selectionOf = (
  resource: Resource,
  query: URLSearchParams,
  within: { readonly namespace: string | undefined; readonly name?: string },
): Selection => {
  const [labelText, fieldText] = [query.get('labelSelector') ?? '', query.get('fieldSelector') ?? ''];
  const labels = parseLabelSelector(labelText);
  const fields = parseFieldSelector(fieldText);
  const known = resource.fields(nothing);
  const unknown = fields.find(({ field }) => known[field] === undefined);
  if (unknown !== undefined)
    throw badRequest(
      `Unable to find "${groupVersion(resource)}, Resource=${resource.plural}" that match label selector "${labelText}", field selector "${fieldText}": field label not supported: ${unknown.field}`,
    );
  return {
    isAll: labels.length === 0 && fields.length === 0,
    matches: (object) =>
      (within.namespace === undefined || namespaceOf(object) === within.namespace) &&
      (within.name === undefined || nameOf(object) === within.name) &&
      matchesLabels(labelsOf(object), labels) &&
      matchesFields(resource.fields(object), fields),
  };
};
