import { type JsonObject, isObject, textAt } from '../../json.ts';
import { type Core, type Written, keptIn } from '../core.ts';
import { type KubeObject, kubeObject, nameOf, wireTime, withMetadata } from '../kube-object.ts';
import { type Resource, groupVersion } from '../resource.ts';
import { required } from '../schema/field-errors.ts';
import { pruneUnknown } from '../schema/unknown-fields.ts';
import { StatusError, badRequest, invalid } from '../status-error.ts';
import { createDecoded } from '../verbs/create.ts';
import { decode } from '../verbs/decode.ts';
import type { PatchRequest } from './patch-request.ts';
import { updateDecoded } from '../verbs/update.ts';
import { appliedTo, withoutField } from './apply-merge.ts';
import { type FieldSet, type FieldValues, shownPath, stepsOf } from './field-set.ts';
import { type Owner, isOwner, minus, ownedFields, ownersIn, withOwner, withOwners } from './managed-fields.ts';

type Conflict = { readonly owner: Owner; readonly path: string };

const conflictsOf = (owners: readonly Owner[], applied: FieldValues, live: FieldValues): readonly Conflict[] =>
  owners.flatMap((owner) =>
    [...owner.fields]
      .filter((path) => applied.has(path) && live.get(path) !== applied.get(path))
      .map((path) => ({ owner, path })),
  );

const managerText = ({ manager, operation, apiVersion, subresource }: Owner): string => {
  const name = `"${manager}"${subresource === '' ? '' : ` with subresource "${subresource}"`}`;
  return operation === 'Update' ? `${name} using ${apiVersion}` : name;
};

const conflictError = (conflicts: readonly Conflict[]): StatusError => {
  const causes = conflicts.map(({ owner, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${managerText(owner)}`,
    field: shownPath(path),
  }));
  const byManager = [...Map.groupBy(conflicts, ({ owner }) => managerText(owner))].sort(([left], [right]) =>
    left < right ? -1 : 1,
  );
  const [first] = conflicts;
  const text =
    conflicts.length === 1 && first !== undefined
      ? `1 conflict: conflict with ${managerText(first.owner)}: ${shownPath(first.path)}`
      : `${conflicts.length} conflicts: ${byManager.map(([manager, some]) => [`conflicts with ${manager}:`, ...some.map(({ path }) => `- ${shownPath(path)}`)].join('\n')).join('\n')}`;
  return new StatusError(409, 'Conflict', `Apply failed with ${text}`, { causes });
};

/** What the manager applied before and now leaves out, unless somebody else wants it too. */
const dropped = (previous: FieldSet, applied: FieldValues, others: readonly Owner[]): readonly string[] =>
  [...minus(previous, applied)].filter((path) => !others.some(({ fields }) => fields.has(path)));

/** Nobody can own a field that is not declared. */
const checkDeclared = (resource: Resource, { patch, name }: PatchRequest): void => {
  const { unknown } = pruneUnknown(patch, resource.schema);
  const texts = unknown.map((field) => `.${field}: field not declared in schema`);
  if (texts.length === 0) return;
  const what = `${textAt(patch, 'metadata', 'namespace')}/${name}; ${groupVersion(resource)}, Kind=${resource.kind}`;
  const why = texts.length === 1 ? texts.join() : `errors:\n${texts.map((text) => `  ${text}`).join('\n')}`;
  throw new StatusError(500, '', `failed to create typed patch object (${what}): ${why}`);
};

const configOf = (resource: Resource, request: PatchRequest): Written => {
  if (!isObject(request.patch)) throw badRequest('error decoding YAML: an apply patch is an object');
  if (textAt(request.patch, 'apiVersion') === '' || textAt(request.patch, 'kind') === '')
    throw badRequest(
      `invalid object type: ${textAt(request.patch, 'apiVersion') || '/'}, Kind=${textAt(request.patch, 'kind')}`,
    );
  if (request.manager === undefined || request.manager === '')
    throw invalid({ group: 'meta.k8s.io', kind: 'PatchOptions', plural: '' }, '', [
      required('fieldManager', 'is required for apply patch'),
    ]);
  checkDeclared(resource, request);
  const { object, warnings } = decode({ ...resource, schema: withoutDefaults(resource) }, request.patch, request);
  if (object.metadata['managedFields'] !== undefined) throw badRequest('metadata.managedFields must be nil');
  const given = nameOf(object);
  if (given !== '' && given !== request.name)
    throw badRequest(`the name of the object (${given}) does not match the name on the URL (${request.name})`);
  return { object: withMetadata(object, { name: request.name }), warnings };
};

/** What is applied is what is written, not what a default adds. */
const withoutDefaults = ({ schema }: Resource): Resource['schema'] => stripDefaults(schema);

const stripDefaults = (schema: Resource['schema']): Resource['schema'] => ({
  ...schema,
  default: undefined,
  ...(schema.properties === undefined
    ? {}
    : {
        properties: Object.fromEntries(
          Object.entries(schema.properties).map(([field, inner]) => [field, stripDefaults(inner)]),
        ),
      }),
  ...(schema.items === undefined ? {} : { items: stripDefaults(schema.items) }),
});

const merged = (resource: Resource, old: KubeObject, config: KubeObject, gone: readonly string[]): KubeObject => {
  let value = appliedTo(old, config, resource.schema);
  for (const path of gone) value = withoutField(value, stepsOf(path));
  const body: JsonObject = isObject(value) ? value : old;
  return kubeObject(body);
};

/** Server-side apply: who applies owns what it applied, and takes from others only by force. */
export const applyObject = (core: Core, resource: Resource, request: PatchRequest): Written => {
  const { namespace, name, subresource, manager = '' } = request;
  const { object: config, warnings } = configOf(resource, request);
  const applied = ownedFields(resource, config, subresource);
  const by: Owner = {
    manager,
    operation: 'Apply',
    apiVersion: groupVersion(resource),
    time: wireTime(core.clock.now()),
    subresource,
    fields: new Set(applied.keys()),
  };
  const old = keptIn(core, resource, namespace, name);
  if (old === undefined) {
    if (subresource !== '') throw new StatusError(404, 'NotFound', `${resource.plural} "${name}" not found`);
    const own = (object: KubeObject): KubeObject => withOwners(object, [by]);
    return {
      object: createDecoded(core, resource, namespace, { ...request, object: config, own }),
      warnings,
    };
  }
  const owners = ownersIn(old);
  const others = owners.filter((owner) => !isOwner(owner, by));
  const conflicts = conflictsOf(others, applied, ownedFields(resource, old, subresource));
  if (conflicts.length > 0 && request.force !== true) throw conflictError(conflicts);
  const taken = new Set(conflicts.map(({ path }) => path));
  const left = others.map((owner) => ({ ...owner, fields: minus(owner.fields, taken) }));
  const previous = owners.find((owner) => isOwner(owner, by))?.fields ?? new Set<string>();
  const body = merged(resource, old, config, dropped(previous, applied, left));
  const mine = owners.filter((owner) => isOwner(owner, by));
  const own = (object: KubeObject): KubeObject => withOwners(object, withOwner([...left, ...mine], by));
  return { object: updateDecoded(core, resource, { ...request, old, body, own }), warnings };
};
