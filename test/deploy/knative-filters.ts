import * as z from 'zod/mini';

/** A filter of a Trigger, in the dialects that our manifests use. */
export type Filter =
  | { readonly exact: Readonly<Record<string, string>> }
  | { readonly suffix: Readonly<Record<string, string>> }
  | { readonly not: Filter }
  | { readonly any: readonly Filter[] }
  | { readonly all: readonly Filter[] };

const attributes = z.record(z.string(), z.string());

export const filter: z.ZodMiniType<Filter> = z.lazy(() =>
  z.union([
    z.strictObject({ exact: attributes }),
    z.strictObject({ suffix: attributes }),
    z.strictObject({ not: filter }),
    z.strictObject({ any: z.array(filter) }),
    z.strictObject({ all: z.array(filter) }),
  ]),
);

/** Whether an event with these attributes passes, by the Subscriptions API of CloudEvents: a missing attribute never matches. */
export function passes(each: Filter, event: Readonly<Record<string, string>>): boolean {
  if ('exact' in each) return Object.entries(each.exact).every(([name, value]) => event[name] === value);
  if ('suffix' in each)
    return Object.entries(each.suffix).every(([name, value]) => event[name]?.endsWith(value) === true);
  if ('not' in each) return !passes(each.not, event);
  if ('any' in each) return each.any.some((one) => passes(one, event));
  return each.all.every((one) => passes(one, event));
}
