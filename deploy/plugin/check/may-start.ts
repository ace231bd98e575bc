import type { Holding } from './holdings.ts';
import type { PullSecrets } from './pull-secrets.ts';

/** A Pod, as far as the kubelet's records of credentials are about it. */
export type Identity = {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly pullSecrets: PullSecrets;
};

/** Whether a Pod can start a present image without the registry. */
export type Permission = {
  readonly verdict: 'starts' | 'fails' | 'unproven';
  /** Why not; '' if it can. */
  readonly why: string;
};

const starts: Permission = { verdict: 'starts', why: '' };

/** By one cache's entry in the kubelet's record. Nothing is read from Secrets: equal content under another name is unproven. */
export function mayStart(pod: Identity, holding: Holding): Permission {
  if (holding.access === 'Anyone') return starts;
  if (holding.access === 'Unknown')
    return { verdict: 'unproven', why: `who may start it without the registry is not known (${nameOf(holding)})` };
  return holding.access === 'PullSecrets' ? bySecret(pod, holding) : byServiceAccount(pod, holding);
}

function bySecret(pod: Identity, holding: Holding): Permission {
  const { cache } = holding.record;
  const secrets = cache.spec.imagePullSecrets;
  if (!pod.pullSecrets.isKnown) return unproven(holding, pod.pullSecrets.why);
  const { names } = pod.pullSecrets;
  if (names.length === 0) return fails(holding, 'the Pod has no pull secret');
  const shared = pod.namespace === cache.namespace ? secrets.filter((name) => names.includes(name)) : [];
  if (shared.length > 0 && shared.length === secrets.length) return starts;
  if (shared.length > 0) return unproven(holding, 'which of the secrets was used is not known');
  return unproven(
    holding,
    `whether ${secretNames(names)} of the Pod has the same content is not known without reading Secrets`,
  );
}

function byServiceAccount(pod: Identity, holding: Holding): Permission {
  const { cache, serviceAccount } = holding.record;
  const isSame = pod.namespace === cache.namespace && pod.serviceAccount === serviceAccount;
  if (!pod.pullSecrets.isKnown) return isSame ? starts : unproven(holding, pod.pullSecrets.why);
  const { names, isFromServiceAccount } = pod.pullSecrets;
  if (isSame && (isFromServiceAccount || names.length === 0)) return starts;
  if (isSame)
    return unproven(
      holding,
      `the Pod names ${secretNames(names)}, so it does not get the secrets of the service account`,
    );
  if (names.length === 0) return fails(holding, 'the Pod has another service account and no pull secret');
  return unproven(
    holding,
    `whether ${secretNames(names)} of the Pod has the same content is not known without reading Secrets`,
  );
}

const fails = (holding: Holding, why: string): Permission => ({ verdict: 'fails', why: sentence(holding, why) });
const unproven = (holding: Holding, why: string): Permission => ({ verdict: 'unproven', why: sentence(holding, why) });

function sentence(holding: Holding, why: string): string {
  const isPublic = holding.cached.anonymousPull === 'Allowed';
  const note = isPublic ? ', although the registry gives the image to anyone' : '';
  return `without the registry only ${whoMayStart(holding)} may start it${note}; ${why}`;
}

function whoMayStart({ access, record: { cache, serviceAccount } }: Holding): string {
  const pods = `Pods of namespace ${cache.namespace}`;
  return access === 'PullSecrets'
    ? `${pods} with ${secretNames(cache.spec.imagePullSecrets)}`
    : `${pods} with the service account ${serviceAccount}`;
}

const secretNames = (names: readonly string[]): string =>
  names.length === 0
    ? 'a pull secret of the cache'
    : `the pull ${names.length === 1 ? 'secret' : 'secrets'} ${names.join(' or ')}`;

const nameOf = ({ record: { cache } }: Holding): string => `cache ${cache.namespace}/${cache.name}`;
