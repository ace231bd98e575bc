import { type AnonymousPull, type AnonymousPulls, anonymousPullOf } from '#model/cache/image-answers.ts';
import type { ImageCache, Status } from '#model/cache/image-cache.ts';
import { isAdoption, isVerification } from '#model/cache/round.ts';
import type { Settings } from '#model/cache/settings.ts';

/**
 * Who can start an image on every node that has it, with the registry out of reach: any Pod, Pods with a pull secret of
 * the cache, or Pods with its service account.
 */
export type Access = 'Anyone' | 'PullSecrets' | 'ServiceAccount' | 'Unknown';

/** The service account that pull Pods name; '' for the default of the namespace. */
export const serviceAccountOf = ({ spec }: ImageCache, settings: Settings): string =>
  spec.serviceAccountName ?? settings.serviceAccountName;

/** Whether pull Pods name credentials: a secret, or a service account that may have some. */
export const namesCredentials = (cache: ImageCache, settings: Settings): boolean =>
  cache.spec.imagePullSecrets.length > 0 || serviceAccountOf(cache, settings) !== '';

/** How many nodes have an image, on how many of these it is locked, and for how many no Job is known to have used credentials. */
type AccessCounts = { readonly ready: number; readonly locked: number; readonly unknown: number };

/** undefined while no node has the image. */
export function accessOf(image: string, { ready, locked, unknown }: AccessCounts, cache: Accessed): Access | undefined {
  if (ready === 0) return undefined;
  const { imagePullSecrets, serviceAccountName } = cache.spec;
  const isNamed = imagePullSecrets.length > 0 || serviceAccountName !== undefined;
  const mayBeLocked = isNamed || isAdoption(cache.status.round); // admission may have given kube-fledged's Pods some
  // Where no Job has used credentials, the image was pulled without any, whatever registries said before.
  const isDenied = anonymousPullOf(cache.status.anonymousPulls, image) === 'Denied' && (mayBeLocked || unknown < ready);
  if (locked > 0 || isDenied) return imagePullSecrets.length > 0 ? 'PullSecrets' : 'ServiceAccount';
  return unknown > 0 && mayBeLocked ? 'Unknown' : 'Anyone';
}

type Accessed = Pick<ImageCache, 'spec'> & { readonly status: Pick<Status, 'anonymousPulls' | 'round'> };

/**
 * What is known once registries have answered. Only a refresh revokes that an image is denied, as it also has nodes open
 * the image. One that verifies makes nodes find out again: a mirror may give them what the registry denies to us.
 */
export function withAnswers({ status }: ImageCache, answers: ReadonlyMap<string, AnonymousPull>): AnonymousPulls {
  if (isVerification(status.round))
    return Object.fromEntries([...answers].filter(([, answer]) => answer === 'Allowed'));
  const isRefresh = status.round?.operation === 'Refresh';
  const found = [...answers].filter(([reference]) => isRefresh || status.anonymousPulls[reference] !== 'Denied');
  return found.length === 0 ? status.anonymousPulls : { ...status.anonymousPulls, ...Object.fromEntries(found) };
}
