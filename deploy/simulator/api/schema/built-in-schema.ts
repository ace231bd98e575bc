import * as client from '@kubernetes/client-node';
import { isList, isObject, textAt } from '../../json.ts';
import { type Schema, objectMetaSchema, typeFields } from './schema.ts';

/** How strategic merge patch treats lists, by type and field; what is not named here is replaced as a whole. */
const mergeKeys: Readonly<Record<string, string>> = {
  'V1PodSpec.containers': 'name',
  'V1PodSpec.initContainers': 'name',
  'V1PodSpec.ephemeralContainers': 'name',
  'V1PodSpec.volumes': 'name',
  'V1PodSpec.imagePullSecrets': 'name',
  'V1PodSpec.hostAliases': 'ip',
  'V1PodSpec.topologySpreadConstraints': 'topologyKey',
  'V1PodSpec.schedulingGates': 'name',
  'V1PodSpec.resourceClaims': 'name',
  'V1Container.env': 'name',
  'V1Container.ports': 'containerPort',
  'V1Container.volumeMounts': 'mountPath',
  'V1Container.volumeDevices': 'devicePath',
  'V1PodStatus.conditions': 'type',
  'V1PodStatus.podIPs': 'ip',
  'V1PodStatus.hostIPs': 'ip',
  'V1JobStatus.conditions': 'type',
  'V1NodeStatus.conditions': 'type',
  'V1NodeStatus.addresses': 'type',
  'V1NamespaceStatus.conditions': 'type',
  'V1ServiceAccount.secrets': 'name',
};
/** Lists of plain values that are merged. */
const mergedValues = ['V1NodeSpec.podCIDRs'];
/** Unions: a patch of them says with $retainKeys what stays. */
const retained = ['V1PodSpec.volumes', 'V1PodSpec.resourceClaims'];

const patchHints = (field: string): Schema => {
  const key = mergeKeys[field];
  if (key === undefined) return mergedValues.includes(field) ? { 'x-kubernetes-patch-strategy': 'merge' } : {};
  return {
    'x-kubernetes-patch-merge-key': key,
    'x-kubernetes-patch-strategy': retained.includes(field) ? 'merge,retainKeys' : 'merge',
  };
};

type Attribute = { readonly baseName: string; readonly type: string };

const models = new Map<string, unknown>(Object.entries(client));

/** The fields of a type, which the official client's models list. */
const attributesOf = (type: string): readonly Attribute[] | undefined => {
  const model = models.get(type);
  if (typeof model !== 'function' || !('attributeTypeMap' in model) || !isList(model.attributeTypeMap))
    return undefined;
  return model.attributeTypeMap
    .filter(isObject)
    .map((attribute) => ({ baseName: textAt(attribute, 'baseName'), type: textAt(attribute, 'type') }));
};

const primitives: Readonly<Record<string, Schema>> = {
  string: { type: 'string' },
  boolean: { type: 'boolean' },
  number: { type: 'integer' },
  Date: { type: 'string', format: 'date-time', nullable: true },
  V1MicroTime: { type: 'string', format: 'date-time', nullable: true },
  IntOrString: { 'x-kubernetes-int-or-string': true },
  any: { 'x-kubernetes-preserve-unknown-fields': true },
  V1ObjectMeta: objectMetaSchema,
};

const known = new Map<string, Schema>();

const schemaOf = (type: string): Schema => {
  const primitive = primitives[type] ?? known.get(type);
  if (primitive !== undefined) return primitive;
  const [list, item] = /^Array<(.*)>$/.exec(type) ?? [];
  if (list !== undefined && item !== undefined) return { type: 'array', items: schemaOf(item) };
  const [map, value] = /^\{ \[key: string\]: (.*); \}$/.exec(type) ?? [];
  if (map !== undefined && value !== undefined) return { type: 'object', additionalProperties: schemaOf(value) };
  const attributes = attributesOf(type);
  const schema: Schema =
    attributes === undefined
      ? { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
      : {
          type: 'object',
          properties: Object.fromEntries(
            attributes.map(({ baseName, type: inner }) => [
              baseName,
              { ...schemaOf(inner), ...patchHints(`${type}.${baseName}`) },
            ]),
          ),
        };
  known.set(type, schema);
  return schema;
};

/** The schema of a built-in kind, read from the official client's own description of its type. */
export const builtInSchema = (type: string, description: string): Schema => {
  const schema = schemaOf(type);
  return { ...schema, description, properties: { ...schema.properties, ...typeFields } };
};
