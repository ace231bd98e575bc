import { isAbsent, isListCurrent } from '#model/desired/presence.ts';
import { normalisedReference, parseImageReference } from '#model/text/image-reference.ts';
import type { Holding } from './holdings.ts';
import { repositoryOf } from './cache-record.ts';
import type { Node } from '#model/node/node.ts';

/** Whether an image is on a node, by the node's list and by the caches. */
export type Presence =
  | { readonly state: 'present' }
  /** `why` continues the sentence "it is not on the node: …". */
  | { readonly state: 'absent' | 'unknown'; readonly reason: MissingReason; readonly why: string };

export type MissingReason =
  | 'OtherPlatform'
  | 'PullFailed'
  | 'NotPulledYet'
  | 'Purged'
  | 'NodeSkipped'
  | 'NotObserved'
  | 'ImageLost'
  | 'OtherName'
  | 'NotSelected'
  | 'NotCached';

type Given = { readonly holdings: readonly Holding[]; readonly now: number };

/** The node's list proves presence. It proves absence if it is complete and no cache has pulled the image since. */
export function presence(image: string, node: Node, { holdings, now }: Given): Presence {
  if (node.images.has(normalisedReference(image))) return { state: 'present' };
  const listProvesAbsence = isAbsent(image, node);
  const recorded = holdings.filter((each) => each.state === 'present' && isFoundAs(image, each));
  if (recorded.some((each) => !listProvesAbsence || isRecent(each, node, now))) return { state: 'present' };
  const missing = missingReasons.map((rule) => rule({ image, node, holdings })).find((each) => each !== undefined);
  const { reason, why } = missing ?? { reason: 'NotCached', why: 'no ImageCache lists it' };
  return { state: listProvesAbsence || reason === 'OtherPlatform' ? 'absent' : 'unknown', reason, why };
}

/** A runtime finds an image by the names that it was pulled by, and by their repository with its digest. */
const isFoundAs = (image: string, { match }: Holding): boolean =>
  match === 'name' || (match === 'digest' && parseImageReference(image).digest !== '');

/** Whether the node's list may be older than what the cache records. */
const isRecent = ({ entry }: Holding, node: Node, now: number): boolean =>
  entry?.state !== 'Ready' || !isListCurrent(node, entry, now);

type Missing = { readonly reason: MissingReason; readonly why: string };
type Rule = (given: {
  readonly image: string;
  readonly node: Node;
  readonly holdings: readonly Holding[];
}) => Missing | undefined;

const cacheNamed = ({ record: { cache } }: Holding): string => `the cache ${cache.namespace}/${cache.name}`;

/** The explanation for the first holding of this image in a state. */
const whenHeld =
  (state: Holding['state'], explain: (holding: Holding) => Missing | undefined): Rule =>
  ({ holdings }) =>
    holdings
      .filter((each) => each.state === state && each.match !== 'repository')
      .map(explain)
      .find((each) => each !== undefined);

/** What containerd, CRI-O and Docker say of an image without a variant for the node. */
const otherPlatform =
  /no match(?:ing manifest)? for |no matching manifest|no image found in (?:manifest list|image index)/i;

/** The first that applies is reported. */
const missingReasons: readonly Rule[] = [
  ({ node, holdings }) =>
    holdings.some(
      ({ match, state, reason }) => match !== 'repository' && state === 'failed' && otherPlatform.test(reason),
    )
      ? { reason: 'OtherPlatform', why: `the image has no variant for ${platformOf(node)}` }
      : undefined,
  whenHeld('failed', (each) => ({
    reason: 'PullFailed',
    why: `${cacheNamed(each)} failed to pull it${each.reason === '' ? '' : ` (${each.reason})`}`,
  })),
  whenHeld('pulling', (each) => ({ reason: 'NotPulledYet', why: `${cacheNamed(each)} is still pulling it` })),
  whenHeld('waiting', (each) => ({ reason: 'NotPulledYet', why: `${cacheNamed(each)} has not pulled it yet` })),
  whenHeld('present', (each) =>
    each.match === 'name'
      ? { reason: 'ImageLost', why: `${cacheNamed(each)} has pulled it, and it was removed from the node since` }
      : undefined,
  ),
  ({ image, node }) => {
    const name = otherNameOf(image, node);
    return name === undefined
      ? undefined
      : { reason: 'OtherName', why: `the node has the same image as ${name}, and kubelets find images by name` };
  },
  whenHeld('unknown', (each) => ({
    reason: 'NotPulledYet',
    why: `${cacheNamed(each)} does not know whether it has it`,
  })),
  whenHeld('purged', (each) => ({ reason: 'Purged', why: `${cacheNamed(each)} was purged` })),
  whenHeld('skipped', (each) => ({
    reason: 'NodeSkipped',
    why: `${cacheNamed(each)} skips this node (${each.reason})`,
  })),
  whenHeld('not observed', (each) => ({
    reason: 'NotObserved',
    why: `${cacheNamed(each)} was changed, and its status is not about the change yet`,
  })),
  whenHeld('not selected', (each) =>
    each.match === 'name'
      ? { reason: 'NotSelected', why: `${cacheNamed(each)} lists it, but not for this node` }
      : undefined,
  ),
  ({ holdings }) => {
    const [other] = holdings;
    if (other === undefined) return undefined;
    const why = `${cacheNamed(other)} lists ${other.cached.image} instead, and kubelets find images by name`;
    return { reason: 'OtherName', why };
  },
];

const platformOf = ({ operatingSystem, labels }: Node): string =>
  [operatingSystem, labels['kubernetes.io/arch'] ?? ''].filter((part) => part !== '').join('/');

/** Another name of the image on the node: the tag of a digest, or its digest in another repository. */
function otherNameOf(image: string, node: Node): string | undefined {
  const { digest } = parseImageReference(image);
  if (digest === '') return undefined;
  const tagged = [...node.digests].find(([, digests]) => digests.has(digest))?.[0];
  return (
    tagged ?? [...node.images].find((each) => each.endsWith(`@${digest}`) && repositoryOf(each) !== repositoryOf(image))
  );
}
