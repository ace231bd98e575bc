import type { ImageCache } from '#model/cache/image-cache.ts';
import { normalisedReference } from '#model/text/image-reference.ts';
import { movingImages } from '#model/desired/moving-images.ts';
import { resolvesImages, mayOpen, nextRound } from '#model/round/next-round.ts';
import type { ResolvedDigest, Resolutions } from '#model/cache/resolved-digest.ts';
import type { World } from '#model/world.ts';
import { deadline, orAborted } from '#runtime/api/time-limit.ts';
import type { Context } from '#runtime/handler.ts';
import { pullSecrets } from './pull-secrets.ts';
import { type Keyring, keyringOf } from '#runtime/registry/keyring.ts';

/** Milliseconds that a round waits for all registries together. A new cache waits little, since all its images are pulled anyway. */
export const maxWait = { Create: 2000, Refresh: 15_000 } as const;

export type AskRegistries = (seen: Pick<World, 'before' | 'observed' | 'opens'>) => Promise<Resolutions>;

/**
 * Resolves the images that may have moved, each once and all concurrently, if a round opens that starts with that. Registries that
 * time out count as unknown and do not block the round. Remembers the answers.
 */
export function resolveImages(context: Context): AskRegistries {
  const resolved = new Map<string, ResolvedDigest>();
  return async ({ before, observed, opens }) => {
    const wait = waitOf(before, opens, context.now());
    const images = wait === 0 ? [] : movingImages(before, observed.nodes.values(), context.settings);
    const unresolved = new Set(images.map(normalisedReference).filter((reference) => !resolved.has(reference)));
    if (unresolved.size === 0) return resolved;
    const keyring = keyringOf(context.readsPullSecrets ? await pullSecrets(before, context) : []);
    for (const [reference, word] of await answers([...unresolved], keyring, { wait, context }))
      resolved.set(reference, word);
    context.signal.throwIfAborted();
    return resolved;
  };
}

function waitOf(cache: ImageCache, opens: World['opens'], now: number): number {
  const request = nextRound(cache, now);
  if (request === undefined || !mayOpen(request, opens) || !resolvesImages(request)) return 0;
  return request.operation === 'Create' ? maxWait.Create : maxWait.Refresh;
}

type Asking = { readonly wait: number; readonly context: Context };

async function answers(
  references: readonly string[],
  keyring: Keyring,
  { wait, context: { registry, signal } }: Asking,
): Promise<readonly (readonly [string, ResolvedDigest])[]> {
  const limit = deadline(wait, [signal]);
  const late: ResolvedDigest = { type: 'unknown', reason: `the registry did not answer within ${wait / 1000} s` };
  const ask = async (reference: string): Promise<readonly [string, ResolvedDigest]> => {
    const word = await orAborted(registry.digest(reference, keyring), limit.signal).catch(() => late);
    return [reference, word];
  };
  try {
    return await Promise.all(references.map(ask));
  } finally {
    limit.clear();
  }
}
