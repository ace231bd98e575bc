import { type ImageCache, isPurged, isRoundOpen } from '#model/cache/image-cache.ts';
import type { Operation } from '#model/cache/round.ts';
import type { Settings } from '#model/cache/settings.ts';
import { currentDesiredImages, retainedImages, movingImages } from '#model/desired/desired-images.ts';
import { isAbsent } from '#model/desired/presence.ts';
import { imagesOfUnknownAccess } from '#model/desired/images-to-ask-about.ts';
import type { Node } from '#model/node/node.ts';
import { nextRound, resolvesImages } from '#model/round/next-round.ts';
import { normalisedReference, parseImageReference } from '#model/text/image-reference.ts';
import { ownEntry } from '#model/text/untrusted.ts';

/** What a node loses by a plan. */
export type NodeRemovals = {
  /** Images that are or may be on the node. */
  readonly remove: readonly string[];
  /** Images that stay because other caches want them there. */
  readonly spare: readonly { readonly image: string; readonly by: readonly string[] }[];
};

export const noRemovals: NodeRemovals = { remove: [], spare: [] };

/** What the planned status has to be removed from a node, and what of it other caches keep. That a Pod uses an image is not known here. */
export function nodeRemovals(
  { status }: ImageCache,
  node: Node,
  { others, settings }: { readonly others: readonly ImageCache[]; readonly settings: Settings },
): NodeRemovals {
  const entry = ownEntry(status.removals, node.name);
  if (entry === undefined || entry.state === 'Removed') return noRemovals;
  const images = (ownEntry(status.toRemove, entry.imagesHash) ?? []).filter((image) => !isAbsent(image, node));
  const keepersOf = (image: string): readonly string[] =>
    others
      .filter((other) => desires(other, image, { node, settings }))
      .map(({ namespace, name }) => `${namespace}/${name}`);
  const kept = images.map((image) => ({ image, by: keepersOf(image) }));
  return {
    remove: kept.filter(({ by }) => by.length === 0).map(({ image }) => image),
    spare: kept.filter(({ by }) => by.length > 0),
  };
}

function desires(
  other: ImageCache,
  image: string,
  { node, settings }: { readonly node: Node; readonly settings: Settings },
): boolean {
  if (other.isBeingDeleted) return false;
  const retained = retainedImages(other, node, settings);
  return retained.some((each) => normalisedReference(each) === normalisedReference(image));
}

/** The open round that a new one ends. */
export const supersededRound = (
  { status }: ImageCache,
  isStarting: boolean,
): { readonly number: number; readonly operation: Operation } | undefined =>
  isStarting && isRoundOpen(status) && status.round !== undefined
    ? { number: status.round.number, operation: status.round.operation }
    : undefined;

/** The registries that are asked when the round opens: for digests of tags that may have moved, and for who may pull an image. */
export function registriesAsked(cache: ImageCache, nodes: readonly Node[], settings: Settings): readonly string[] {
  const request = nextRound(cache, Date.now());
  if (request === undefined || request.operation === 'Purge') return [];
  const images = [
    ...(resolvesImages(request) ? movingImages(cache, nodes, settings) : []),
    ...imagesOfUnknownAccess(cache, nodes, settings),
  ];
  return [...new Set(images.map((image) => parseImageReference(image).registry))].toSorted();
}

export type GateForecast = {
  readonly taintKey: string;
  /** Whether the operator lets the taint be removed; else the gate has no effect. */
  readonly isEnabled: boolean;
  /** Selected nodes that have the taint, and keep it until their images are present. */
  readonly nodes: readonly string[];
};

export function gateForecast(cache: ImageCache, nodes: readonly Node[], settings: Settings): GateForecast | undefined {
  const { warmGate, suspend } = cache.spec;
  if (warmGate === undefined || suspend || isPurged(cache)) return undefined;
  const { taintKey } = warmGate;
  const held = nodes.filter(
    (node) =>
      node.taints.some(({ key }) => key === taintKey) && currentDesiredImages(cache, node, settings) !== undefined,
  );
  return { taintKey, isEnabled: settings.warmGateTaints.includes(taintKey), nodes: held.map(({ name }) => name) };
}
