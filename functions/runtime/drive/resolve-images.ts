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

/** Milliseconds that a round may wait for all registries together: a new cache hardly, as all its images are pulled anyway. */
export const patience = { Create: 2000, Refresh: 15_000 } as const;

export type AskRegistries = (seen: Pick<World, 'before' | 'observed' | 'opens'>) => Promise<Resolutions>;

/**
 * Asks what the images that may have moved stand for now, each once however many nodes have it, and all at once; asks nothing unless a round
 * opens that begins with that. Who is not heard in time is unknown, and holds up nobody. Keeps what was said for as long as it lives.
 */
export function resolveImages(context: Context): AskRegistries {
  const heard = new Map<string, ResolvedDigest>();
  return async ({ before, observed, opens }) => {
    const wait = waitOf(before, opens, context.now());
    const images = wait === 0 ? [] : movingImages(before, observed.nodes.values(), context.settings);
    const unasked = new Set(images.map(normalisedReference).filter((reference) => !heard.has(reference)));
    if (unasked.size === 0) return heard;
    const keyring = keyringOf(context.readsPullSecrets ? await pullSecrets(before, context) : []);
    for (const [reference, word] of await answers([...unasked], keyring, { wait, context })) heard.set(reference, word);
    context.signal.throwIfAborted();
    return heard;
  };
}

function waitOf(cache: ImageCache, opens: World['opens'], now: number): number {
  const request = nextRound(cache, now);
  if (request === undefined || !mayOpen(request, opens) || !resolvesImages(request)) return 0;
  return request.operation === 'Create' ? patience.Create : patience.Refresh;
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
