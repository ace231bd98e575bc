import * as z from 'zod/mini';
import { timeText } from '#model/text/times.ts';
import { optional as nullish, withDefault } from './spec-schema.ts';

/** How a part of the status is stored. Its type, its parser and its writer follow from one declaration. */
export type Codec<T> = {
  readonly schema: z.ZodMiniType<T>;
  /** The stored form; undefined omits the field. */
  readonly write: (value: T) => unknown;
  /** The name of the stored field, if it differs. */
  readonly storedAs?: string;
};

/** The type of the values of a codec. */
export type Decoded<C> = C extends { readonly schema: z.ZodMiniType<infer T> } ? T : never;

type AnyCodec = Pick<Codec<unknown>, 'schema' | 'storedAs'> & { readonly write: (value: never) => unknown };

/** A text or number that must be there. */
export const required = <T extends z.ZodMiniType>(schema: T): Codec<z.output<T>> => ({
  schema: schema as z.ZodMiniType<z.output<T>>,
  write: (value) => value,
});

/** Absent or null stands for a default, which is written as absent. */
const defaulted = <T extends string | number | boolean>(schema: z.ZodMiniType<T>, fallback: T): Codec<T> => ({
  schema: withDefault(schema, fallback),
  write: (value) => (value === fallback ? undefined : value),
});

export const text = defaulted<string>(z.string(), '');
export const count = defaulted<number>(z.number(), 0);
export const flag = defaulted<boolean>(z.boolean(), false);
/** A number that is written even if it is 0. */
export const number: Codec<number> = { schema: withDefault(z.number(), 0), write: (value) => value };
/** One of some words, which must be there. */
export const oneOf = <const T extends readonly string[]>(words: T): Codec<T[number]> => required(z.enum(words));

/** undefined is written as absent. */
export const optional = <T>({ schema, write }: Codec<T>): Codec<T | undefined> => ({
  schema: nullish(schema),
  write: (value) => (value === undefined ? undefined : write(value)),
});

/** Epoch milliseconds, stored as text in seconds. */
const instant: Codec<number> = {
  schema: z.pipe(
    z.string(),
    z.transform((stored) => Date.parse(stored)),
  ),
  write: timeText,
};
export const time = optional(instant);
/** Epoch milliseconds, stored as a number of seconds: thousands of nodes may have one. */
export const seconds = optional<number>({
  schema: z.pipe(
    z.number(),
    z.transform((stored) => stored * 1000),
  ),
  write: (value) => Math.floor(value / 1000),
});
/** 0 if it is absent. */
export const sinceEpoch: Codec<number> = {
  ...instant,
  schema: z.pipe(
    time.schema,
    z.transform((value: number | undefined) => value ?? 0),
  ),
};

/** An empty list is written as absent. */
export const list = <T>({ schema, write }: Codec<T>): Codec<readonly T[]> => ({
  schema: withDefault(z.array(schema), []),
  write: (values) => (values.length === 0 ? undefined : values.map(write)),
});

/** By name; without names it is written as absent. */
export const map = <T>({ schema, write }: Codec<T>): Codec<Readonly<Record<string, T>>> => ({
  schema: withDefault(z.record(z.string(), schema), {}),
  write: (values) => {
    const entries = Object.entries(values).map(([name, value]) => [name, write(value)] as const);
    return entries.length === 0 ? undefined : Object.fromEntries(entries);
  },
});

/** An empty text, list or map is written as it is. */
export const always = <T>({ schema, write }: Codec<T>): Codec<T> => ({
  schema,
  write: (value) => write(value) ?? value,
});

/** A field that is stored under another name. */
export const storedAs = <T>(name: string, codec: Codec<T>): Codec<T> => ({ ...codec, storedAs: name });

type Fields<F> = { readonly [Key in keyof F]: Decoded<F[Key]> };

/** An object with these fields, written in this order. */
export function record<F extends Readonly<Record<string, AnyCodec>>>(fields: F): Codec<Fields<F>> {
  const parts = Object.entries(fields).map(([key, codec]) => ({ key, stored: codec.storedAs ?? key, codec }));
  const stored = z.object(Object.fromEntries(parts.map((part) => [part.stored, part.codec.schema])));
  const isRenamed = parts.some((part) => part.stored !== part.key);
  const renamed = z.transform((value: z.output<typeof stored>) =>
    Object.fromEntries(parts.map((part) => [part.key, value[part.stored]])),
  );
  return {
    schema: (isRenamed ? z.pipe(stored, renamed) : stored) as unknown as z.ZodMiniType<Fields<F>>,
    write: (value) => {
      const written: Record<string, unknown> = {};
      for (const { key, stored, codec } of parts) {
        const field = codec.write(value[key] as never);
        if (field !== undefined) written[stored] = field;
      }
      return written;
    },
  };
}
