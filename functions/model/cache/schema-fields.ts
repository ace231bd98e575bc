import * as z from 'zod/mini';
import type { NodeMatchExpression } from './spec-fields.ts';

/** An absent or null field has its default: the API server drops empty fields, and old writers left nulls. */
export const withDefault = <T extends z.core.$ZodType>(schema: T, fallback: z.output<T>): z.ZodMiniType<z.output<T>> =>
  z.pipe(
    z.nullish(schema),
    z.transform((value: z.output<T> | null | undefined): z.output<T> => value ?? fallback),
  );

/** An absent or null field is undefined. */
export const optional = <T extends z.core.$ZodType>(schema: T): z.ZodMiniType<z.output<T> | undefined> =>
  z.pipe(
    z.nullish(schema),
    z.transform((value: z.output<T> | null | undefined): z.output<T> | undefined => value ?? undefined),
  );

export const texts = z.record(z.string(), z.string());
export const strings = z.array(z.string());

/** Epoch milliseconds. */
export const time = optional(
  z.pipe(
    z.string(),
    z.transform((text) => Date.parse(text)),
  ),
);

export const nodeMatchExpressions: z.ZodMiniType<readonly NodeMatchExpression[]> = withDefault(
  z.array(
    z.object({
      key: z.string(),
      operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt']),
      values: withDefault(strings, []),
    }),
  ),
  [],
);

/** Which images, and on which nodes. */
export const placed = z.object({
  images: withDefault(strings, []),
  nodeSelector: withDefault(texts, {}),
  nodeMatchExpressions,
});

export const toleration = z.object({
  key: z.exactOptional(z.string()),
  operator: z.exactOptional(z.string()),
  value: z.exactOptional(z.string()),
  effect: z.exactOptional(z.string()),
  tolerationSeconds: z.exactOptional(z.number()),
});
