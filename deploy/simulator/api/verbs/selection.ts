import { objectAt } from '../../json.ts';
import { type KubeObject, nameOf, namespaceOf } from '../kube-object.ts';
import type { Resource } from '../resource.ts';
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
  const labels = parseLabelSelector(query.get('labelSelector') ?? '');
  const fields = parseFieldSelector(query.get('fieldSelector') ?? '');
  const known = resource.fields(nothing);
  const unknown = fields.find(({ field }) => known[field] === undefined);
  if (unknown !== undefined) throw badRequest(`field label not supported: ${unknown.field}`);
  return {
    isAll: labels.length === 0 && fields.length === 0,
    matches: (object) =>
      (within.namespace === undefined || namespaceOf(object) === within.namespace) &&
      (within.name === undefined || nameOf(object) === within.name) &&
      (labels.length === 0 || matchesLabels(objectAt(object, 'metadata', 'labels'), labels)) &&
      (fields.length === 0 || matchesFields(resource.fields(object), fields)),
  };
};
