import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import * as z from 'zod/mini';

/** The fields of an OpenAPI schema that the tests read. */
const Schema = z.looseObject({
  description: z.optional(z.string()),
  pattern: z.optional(z.string()),
  enum: z.optional(z.array(z.string())),
  get properties() {
    return z.optional(z.record(z.string(), Schema));
  },
  get additionalProperties() {
    return z.optional(Schema);
  },
  get items() {
    return z.optional(Schema);
  },
});
export type Schema = z.infer<typeof Schema>;

const Column = z.looseObject({
  name: z.string(),
  type: z.string(),
  jsonPath: z.string(),
  priority: z._default(z.number(), 0),
});

const CustomResource = z.object({
  metadata: z.object({ name: z.string(), labels: z.record(z.string(), z.string()) }),
  spec: z.object({
    group: z.string(),
    scope: z.string(),
    names: z.looseObject({ kind: z.string(), plural: z.string(), shortNames: z.array(z.string()) }),
    versions: z.tuple([
      z.looseObject({
        name: z.string(),
        served: z.boolean(),
        storage: z.boolean(),
        subresources: z.looseObject({}),
        additionalPrinterColumns: z.array(Column),
        schema: z.object({ openAPIV3Schema: Schema }),
      }),
    ]),
  }),
});

/** Path of the CustomResourceDefinition. */
export const crdPath = fileURLToPath(new URL('../../crds/imagecache.yaml', import.meta.url));

/** The CustomResourceDefinition, parsed. */
export const customResource = CustomResource.parse(parse(readFileSync(crdPath, 'utf8')));

/** A schema and every schema in it, by path, such as `.spec.cacheSpec[].images[]` or `.status.nodes.*`. */
export function schemasByPath(schema: Schema, path = ''): readonly (readonly [string, Schema])[] {
  const children: readonly (readonly [string, Schema | undefined])[] = [
    ...Object.entries(schema.properties ?? {}).map(([name, child]) => [`${path}.${name}`, child] as const),
    [`${path}.*`, schema.additionalProperties],
    [`${path}[]`, schema.items],
  ];
  return [
    [path, schema] as const,
    ...children.flatMap(([at, child]) => (child === undefined ? [] : schemasByPath(child, at))),
  ];
}
