import * as client from '@kubernetes/client-node';
import { isList, isObject, textAt } from '../../json.ts';
import { type Schema, objectMetaSchema, typeFields } from './schema.ts';

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
          properties: Object.fromEntries(attributes.map(({ baseName, type: inner }) => [baseName, schemaOf(inner)])),
        };
  known.set(type, schema);
  return schema;
};

/** The schema of a built-in kind, read from the official client's own description of its type. */
export const builtInSchema = (type: string, description: string): Schema => {
  const schema = schemaOf(type);
  return { ...schema, description, properties: { ...schema.properties, ...typeFields } };
};
