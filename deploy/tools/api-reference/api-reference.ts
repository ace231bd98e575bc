import { parse } from 'yaml';
import * as z from 'zod/mini';
import { wrapped } from '../../plugin/table.ts';

/** The part of a schema that the reference shows. */
type Schema = {
  readonly type?: string | undefined;
  readonly format?: string | undefined;
  readonly description?: string | undefined;
  readonly enum?: readonly string[] | undefined;
  readonly minimum?: number | undefined;
  readonly required?: readonly string[] | undefined;
  readonly properties?: Readonly<Record<string, Schema>> | undefined;
  readonly items?: Schema | undefined;
  readonly additionalProperties?: Schema | undefined;
  readonly 'x-kubernetes-int-or-string'?: boolean | undefined;
  readonly 'x-kubernetes-validations'?: readonly { readonly message?: string | undefined }[] | undefined;
};

const definition = z.object({
  spec: z.object({
    versions: z.tuple([z.object({ schema: z.object({ openAPIV3Schema: z.custom<Schema>(isSchema) }) })]),
  }),
});

/** The reference of the ImageCache in Markdown, generated from its CustomResourceDefinition (YAML). */
export function apiReference(crd: string): string {
  const schema = definition.parse(parse(crd)).spec.versions[0].schema.openAPIV3Schema;
  const { spec = {}, status = {} } = schema.properties ?? {};
  return [
    '# The ImageCache API',
    '',
    '<!-- Made from crds/imagecache.yaml by `npm run reference`: do not edit. -->',
    '',
    '`apiVersion: kubefledged.io/v1alpha2`, `kind: ImageCache`, namespaced; short name `ic`.',
    '',
    ...wrapped(schema.description ?? '', 120),
    '',
    ...section('spec', spec),
    '',
    ...section('status', status),
    '',
  ].join('\n');
}

function section(name: string, schema: Schema): readonly string[] {
  return [
    `## ${name}`,
    '',
    ...wrapped(schema.description ?? '', 120),
    '',
    '| field | type | |',
    '| --- | --- | --- |',
    ...rows(name, schema).map(([path, type, text]) => `| \`${path}\` | ${type} | ${text} |`),
  ];
}

type Row = readonly [path: string, type: string, text: string];

/** Every field below a schema, each before its own fields. */
function rows(path: string, schema: Schema): readonly Row[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const inner = innermost(`${path}.${name}`, field);
    const isRequired = schema.required?.includes(name) === true;
    return [[`${path}.${name}`, typeOf(field), textOf(field, isRequired)] as const, ...rows(inner.path, inner.schema)];
  });
}

/** The element of a list or a map. */
function innermost(path: string, schema: Schema): { readonly path: string; readonly schema: Schema } {
  if (schema.items !== undefined) return innermost(`${path}[]`, schema.items);
  return schema.additionalProperties === undefined
    ? { path, schema }
    : innermost(`${path}.*`, schema.additionalProperties);
}

function typeOf(schema: Schema): string {
  if (schema['x-kubernetes-int-or-string'] === true) return 'integer or string';
  if (schema.items !== undefined) return `list of ${typeOf(schema.items)}`;
  if (schema.additionalProperties !== undefined) return `map of ${typeOf(schema.additionalProperties)}`;
  return schema.format === 'date-time' ? 'time' : (schema.type ?? '');
}

function textOf(schema: Schema, isRequired: boolean): string {
  const messages = [schema, schema.items ?? {}].flatMap((each) => each['x-kubernetes-validations'] ?? []);
  const rules = messages.flatMap(({ message }) => message ?? []);
  const parts = [
    ...(isRequired ? ['Required.'] : []),
    schema.description ?? '',
    ...(schema.enum === undefined ? [] : [`One of ${schema.enum.map((each) => `\`${each}\``).join(', ')}.`]),
    ...(schema.minimum === undefined ? [] : [`At least ${schema.minimum}.`]),
    ...(rules.length === 0 ? [] : [`Refused else: ${rules.map((rule) => `"${rule}"`).join(', ')}.`]),
  ];
  return parts
    .filter((part) => part !== '')
    .join(' ')
    .replaceAll('|', '\\|')
    .replaceAll('\n', ' ');
}

function isSchema(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}
