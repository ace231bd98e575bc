import type { ImageCache } from '#model/cache/image-cache.ts';
import { normalisedReference, parseImageReference } from '#model/text/image-reference.ts';
import type { AnonymousPull, ResolvedDigest } from '#model/cache/image-answers.ts';
import { movingImages } from '#model/desired/desired-images.ts';
import {
  oneImageOfEach,
  restedRegistries,
  unprovenImages,
  imagesOfUnknownAccess,
} from '#model/desired/images-to-ask-about.ts';
import { resolvesImages, mayOpen, nextRound } from '#model/round/next-round.ts';
import type { World } from '#model/world.ts';
import { boundTable } from '#runtime/bounds.ts';
import { deadline, orAborted, inTurn } from '#runtime/api/limits.ts';
import type { Context } from '#runtime/handler.ts';
import { keyringOf } from '#runtime/registry/keyring.ts';
import { ApiError } from '#runtime/errors.ts';

/** Milliseconds that a round waits for all registries together. A new or edited cache waits little, since its nodes pull anyway. */
export const maxWait = { Create: 2000, Refresh: 15_000 } as const;

/** What registries answered: the digests of images that may have moved, and whether they give images to anyone. */
export type Answers = Pick<World, 'resolutions' | 'anonymousPulls'>;

export type AskRegistries = (seen: Pick<World, 'before' | 'observed' | 'opens' | 'makes'>) => Promise<Answers>;

/**
 * If a round opens, resolves the images that may have moved, or that many nodes would be the first to pull, and asks for images
 * that pull Pods may lock, each once and all concurrently. Without one, asks registries that have rested whether they throttle
 * still, as a question costs them less than a pull. Registries that time out count as unknown and do not block the round. Remembers the answers.
 */
export function resolveImages(context: Context): AskRegistries {
  const resolutions = new Map<string, ResolvedDigest>();
  const anonymousPulls = new Map<string, AnonymousPull>();
  const asked = new Set<string>();
  return async (seen) => {
    const { before } = seen;
    const { registry, signal } = context;
    const { wait, images, ofUnknownAccess } = questionsOf(seen, context);
    const unresolved = news(images, resolutions);
    const unknown = news(ofUnknownAccess, asked);
    if (unresolved.length === 0 && unknown.length === 0) return { resolutions, anonymousPulls };
    const limit = deadline(wait, [signal]);
    try {
      await Promise.all([
        resolveDigests(unresolved, { before, wait, limit: limit.signal, context }, resolutions),
        askEach(unknown, async (reference) => {
          const answer = await orAborted(() => registry.anonymousPull(reference, before.namespace), limit.signal).catch(
            () => undefined,
          );
          if (answer !== undefined) anonymousPulls.set(reference, answer);
          asked.add(reference);
        }),
      ]);
    } finally {
      limit.clear();
    }
    signal.throwIfAborted();
    return { resolutions, anonymousPulls };
  };
}

/** The normalised references of images that have no answer yet, each once. */
const news = (
  images: readonly string[],
  known: { readonly has: (reference: string) => boolean },
): readonly string[] => [...new Set(images.map(normalisedReference).filter((reference) => !known.has(reference)))];

type Questions = {
  readonly wait: number;
  readonly images: readonly string[];
  readonly ofUnknownAccess: readonly string[];
};

function questionsOf(
  { before, observed, opens, makes }: Parameters<AskRegistries>[0],
  { cluster, settings, now: clock }: Context,
): Questions {
  const now = clock();
  const nodes = [...observed.nodes.values()];
  const request = nextRound(before, now);
  const isOpening = request !== undefined && mayOpen(request, opens) && request.operation !== 'Purge';
  if (!isOpening) {
    // Only functions that open rounds may read the secrets with which registries are asked.
    const hosts = makes === 'pulls' && opens.length > 0 ? restedRegistries(before, now) : [];
    return {
      wait: maxWait.Create,
      images: oneImageOfEach(hosts, before, nodes, settings),
      ofUnknownAccess: [],
    };
  }
  const moving = resolvesImages(request) ? movingImages(before, nodes, settings) : [];
  const doubtful = oneImageOfEach(cluster.knownUses.doubtful(before, { settings, now }), before, nodes, settings);
  return {
    wait: request.operation === 'Refresh' ? maxWait.Refresh : maxWait.Create,
    images: [...moving, ...unprovenImages(before, nodes, settings), ...doubtful],
    ofUnknownAccess: imagesOfUnknownAccess(before, nodes, settings),
  };
}

type Asking = {
  readonly before: ImageCache;
  readonly wait: number;
  readonly limit: AbortSignal;
  readonly context: Context;
};

async function resolveDigests(
  references: readonly string[],
  { before, wait, limit, context }: Asking,
  resolutions: Map<string, ResolvedDigest>,
): Promise<void> {
  if (references.length === 0) return;
  const late: ResolvedDigest = { type: 'unknown', reason: `the registry did not answer within ${wait / 1000} s` };
  const keyring = keyringOf(context.readsPullSecrets ? await pullSecrets(before, context) : []);
  const ask = async (reference: string): Promise<void> => {
    const question = (): Promise<ResolvedDigest> => context.registry.digest(reference, keyring, before.namespace);
    resolutions.set(reference, await orAborted(question, limit).catch(() => late));
  };
  await askEach(references, ask);
  for (const reference of references.slice(maxImages)) resolutions.set(reference, tooMany);
}

const maxImages = boundTable.round_images.limit;
const tooMany: ResolvedDigest = {
  type: 'unknown',
  reason: `registries are asked for ${maxImages} images of a cache in one round, and this is one more`,
};

/** Asks for the first images, of all registries in turn, so that a slow one does not keep others from being asked. */
async function askEach(references: readonly string[], ask: (reference: string) => Promise<void>): Promise<void> {
  const queue = inTurn(references.slice(0, maxImages), (each) => parseImageReference(each).registry).values();
  const worker = async (): Promise<void> => {
    for (const reference of queue) await ask(reference);
  };
  await Promise.all(Array.from({ length: boundTable.round_questions.limit }, worker));
}

/**
 * The contents of a cache's pull secrets, for a keyring. A secret that cannot be read is logged and left out: the registry is then
 * asked without it, and kubelets may still use it. The content of a secret is never logged.
 */
async function pullSecrets(
  { namespace, spec }: ImageCache,
  { cluster, log }: Pick<Context, 'cluster' | 'log'>,
): Promise<readonly string[]> {
  const texts = spec.imagePullSecrets.map(async (name) => {
    try {
      return await cluster.pullSecret(namespace, name);
    } catch (error) {
      const status = error instanceof ApiError ? error.status : undefined;
      log.warn({ pullSecret: `${namespace}/${name}`, status }, 'pull secret could not be read');
      return '';
    }
  });
  return (await Promise.all(texts)).filter((text) => text !== '');
}
