import type { RegistryUse, RegistryUses } from '#model/cache/registry-use.ts';
import { type SerializedFields, time } from './optional-fields.ts';

/** The field with what was used of registries; none if nothing was. */
export function serializedRegistries(uses: RegistryUses): SerializedFields {
  const entries = Object.entries(uses).map(([host, use]) => [host, serializedUse(use)]);
  return entries.length === 0 ? {} : { registries: Object.fromEntries(entries) };
}

export const serializedUse = ({
  pulls,
  pullsUntil,
  restsUntil,
  restSeconds,
  restsAlone,
  restsByAnswer,
  pullsLeft,
  pullsLeftUntil,
  waitsUntil,
}: RegistryUse): SerializedFields => ({
  ...(pulls === 0 ? {} : { pulls }),
  ...time('pullsUntil', pullsUntil),
  ...time('restsUntil', restsUntil),
  ...(restSeconds === 0 ? {} : { restSeconds }),
  ...(restsAlone ? { restsAlone } : {}),
  ...(restsByAnswer ? { restsByAnswer } : {}),
  ...(pullsLeft === undefined ? {} : { pullsLeft }),
  ...time('pullsLeftUntil', pullsLeftUntil),
  ...time('waitsUntil', waitsUntil),
});
