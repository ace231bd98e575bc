import type { Access } from '#model/desired/access.ts';
import { hasImageVolumes, isCompletedByNode, type Node, keepsPullRecords } from '#model/node/node.ts';
import type { CacheRecord } from './cache-record.ts';
import { type Holding, holdingsOf } from './holdings.ts';
import { type Identity, mayStart, type Permission } from './may-start.ts';
import { type MissingReason, presence, type Presence } from './presence.ts';
import { hasLatestTag, type ImageUse } from '#model/workload/workload.ts';

/** Whether a container or volume with this image starts without the registry. */
export type Verdict = 'starts' | 'fails' | 'unproven';

/** The verdict on one image of a Pod on one node. */
export type ImageCheck = {
  readonly name: string;
  readonly image: string;
  readonly verdict: Verdict;
  /** Why it does not start, or why that is not proven; undefined if it starts. */
  readonly reason: ImageReason | undefined;
  /** A sentence; '' if it starts. */
  readonly message: string;
  readonly presence: Presence['state'];
  /** Who can start it on this node; undefined if no cache has it there. */
  readonly access: Access | undefined;
  /** The caches that have it there, as namespace/name. */
  readonly caches: readonly string[];
};

export type ImageReason =
  | MissingReason
  | 'AlwaysPulled'
  | 'AccessDenied'
  | 'AccessUnknown'
  | 'PulledByNoCache'
  | 'ShortName'
  | 'ImageVolumesUnknown';

export type Evidence = {
  readonly records: readonly CacheRecord[];
  /** False if caches of some namespaces could not be read. */
  readonly hasAllCaches: boolean;
  readonly now: number;
};

type Outcome = Pick<ImageCheck, 'verdict' | 'reason' | 'message'>;
type Situation = {
  readonly use: ImageUse;
  readonly node: Node;
  readonly pod: Identity;
  readonly found: Presence;
  /** Of caches that have the image on the node. */
  readonly held: readonly Holding[];
  /** Of caches that select the node and are not known to have it there. */
  readonly unconfirmed: readonly Holding[];
  readonly hasAllCaches: boolean;
};

/** The first rule that applies gives the verdict; if none does, the image starts. */
export function checkImage(
  use: ImageUse,
  { node, pod }: { node: Node; pod: Identity },
  evidence: Evidence,
): ImageCheck {
  const holdings = holdingsOf(use.image, node, evidence.records);
  const found = presence(use.image, node, { holdings, now: evidence.now });
  const same = holdings.filter(
    ({ match, state }) => match !== 'repository' && state !== 'not selected' && state !== 'purged',
  );
  const held = same.filter(({ state }) => state === 'present');
  const unconfirmed = same.filter(({ state }) => state !== 'present');
  const situation = { use, node, pod, found, held, unconfirmed, hasAllCaches: evidence.hasAllCaches };
  const outcome = rules.map((rule) => rule(situation)).find((each) => each !== undefined);
  return {
    ...{ name: use.name, image: use.image },
    ...(outcome ?? { verdict: 'starts', reason: undefined, message: '' }),
    presence: found.state,
    access: widest(held),
    caches: [...new Set(held.map(({ record: { cache } }) => `${cache.namespace}/${cache.name}`))],
  };
}

const accessOrder: readonly Access[] = ['Anyone', 'ServiceAccount', 'PullSecrets', 'Unknown'];

const widest = (held: readonly Holding[]): Access | undefined =>
  accessOrder.find((access) => held.some((each) => each.access === access));

const rules: readonly ((situation: Situation) => Outcome | undefined)[] = [
  alwaysPulled,
  unknownShortName,
  missing,
  imageVolumes,
  notPermitted,
];

function alwaysPulled({ use: { pullPolicy, image } }: Situation): Outcome | undefined {
  if (pullPolicy !== 'Always') return undefined;
  const origin = hasLatestTag(image) ? ', the default for :latest and for no tag' : '';
  const message = `imagePullPolicy is Always${origin}: the kubelet asks the registry at every start`;
  return { verdict: 'fails', reason: 'AlwaysPulled', message };
}

function missing({ use, node, found }: Situation): Outcome | undefined {
  if (found.state === 'present') return undefined;
  const { state, reason, why } = found;
  if (state === 'absent') return { verdict: 'fails', reason, message: `it is not on the node: ${why}${never(use)}` };
  const list = node.images.size === 0 ? 'reports no images' : 'reports only a part of its images';
  return { verdict: 'unproven', reason, message: `the node ${list}, and not this one: ${why}` };
}

const never = ({ pullPolicy }: ImageUse): string =>
  pullPolicy === 'Never' ? '; imagePullPolicy is Never, so it is not pulled with a registry either' : '';

/** The cache spells it alike, so that the node has completed both names alike. */
function unknownShortName({ use: { image }, node, held }: Situation): Outcome | undefined {
  if (!isCompletedByNode(image, node) || held.some(({ cached }) => cached.image === image)) return undefined;
  const message = 'the name has no registry, and CRI-O completes it by the configuration of the node';
  return { verdict: 'unproven', reason: 'ShortName', message };
}

function imageVolumes({ use, node }: Situation): Outcome | undefined {
  if (use.type !== 'volume' || hasImageVolumes(node)) return undefined;
  const message = `whether the node mounts images as volumes is not known (kubelet ${node.kubeletVersion}, ${node.containerRuntime})`;
  return { verdict: 'unproven', reason: 'ImageVolumesUnknown', message };
}

/** Each cache adds its entry to the kubelet's record, so that one permission is enough. */
function notPermitted({ use, node, pod, held, unconfirmed, hasAllCaches }: Situation): Outcome | undefined {
  if (!keepsPullRecords(node)) return undefined;
  const permissions = held.map((holding) => mayStart(pod, holding));
  if (permissions.some(({ verdict }) => verdict === 'starts')) return undefined;
  const unproven = permissions.find(({ verdict }) => verdict === 'unproven');
  const [denied] = permissions;
  if (unproven !== undefined) return { verdict: 'unproven', reason: 'AccessUnknown', message: unproven.why };
  const [other] = unconfirmed;
  if (other !== undefined) return { verdict: 'unproven', reason: 'AccessUnknown', message: unconfirmedBy(other) };
  if (denied === undefined) return pulledByNoCache(hasAllCaches);
  if (!hasAllCaches) return { verdict: 'unproven', reason: 'AccessUnknown', message: uncertain(denied) };
  return { verdict: 'fails', reason: 'AccessDenied', message: `${denied.why}${never(use)}` };
}

const uncertain = ({ why }: Permission): string => `${why}; caches that cannot be read may permit it`;

const unconfirmedBy = ({ record: { cache }, state }: Holding): string =>
  `who may start it without the registry is not known: for cache ${cache.namespace}/${cache.name} it is ${state} on this node`;

function pulledByNoCache(hasAllCaches: boolean): Outcome {
  const who = hasAllCaches ? 'no ImageCache' : 'no ImageCache that can be read';
  const message = `${who} has pulled it to this node: a preloaded image starts, one that a Pod pulled with credentials may not`;
  return { verdict: 'unproven', reason: 'PulledByNoCache', message };
}
