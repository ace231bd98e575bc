/** Constants of the Kubernetes API that we share with users and the cluster. */
export const group = 'kubefledged.io' as const;
export const version = 'v1alpha2' as const;
export const apiVersion = `${group}/${version}` as const;
export const imageCacheKind = 'ImageCache' as const;
export const imageCachePlural = 'imagecaches' as const;
export const crdName = `${imageCachePlural}.${group}` as const;

/** Field manager of our writes. */
export const fieldManager = 'imagecache-functions' as const;

export const annotations = {
  refresh: 'kubefledged.io/refresh-imagecache',
  purge: 'kubefledged.io/purge-imagecache',
  refreshRequestedAt: 'kubefledged.io/refresh-requested-at',
  purgeRequestedAt: 'kubefledged.io/purge-requested-at',
} as const;

/** Value of the refresh annotation by which nodes pull all images again with the current credentials, present or not. */
export const verifyValue = 'verify' as const;

/** Labels: `app` and `kubefledged` as kube-fledged sets them, because users select by them, and our own. */
export const labels = {
  app: 'app',
  manager: 'kubefledged',
  cacheUid: 'kubefledged.io/cache-uid',
  node: 'kubefledged.io/node-id',
  /** On removal Jobs and their Pods only: `kubefledged.io/removal: "true"`. */
  removal: 'kubefledged.io/removal',
  /** On nodes: `"true"` if all gated caches had their images there when the startup taint was removed. */
  warm: 'kubefledged.io/warm',
  /** On nodes, by users: no Jobs run on the node, unless its value is `false`. */
  skip: 'kubefledged.io/skip',
} as const;

/** Source of our Events: the name of kube-fledged's, because users select by it. */
export const eventSource = 'kubefledged-controller' as const;

/**
 * Labels of kube-fledged's Jobs and Pods that nothing here selects by. A label value has 63 characters at most; the name
 * of a cache may have more, and kube-fledged could not create its Jobs.
 */
export const labelsOfKubeFledged = (cacheName: string): Readonly<Record<string, string>> => ({
  imagecache: cacheName.slice(0, 63).replace(/[^a-z0-9]+$/, ''),
  controller: 'fledged',
});

/** Value of the label `kubefledged` on all our Jobs and Pods; our watches select by it. */
export const managerLabelValue = 'kubefledged-image-manager' as const;
export const managerSelector = `${labels.manager}=${managerLabelValue}` as const;
/** Label selectors that tell pull Jobs from removal Jobs; to be combined with `managerSelector`. */
export const pullSelector = `!${labels.removal}` as const;
export const removalSelector = `${labels.removal}=true` as const;

/** Annotations of our Jobs and Pods. A result is recorded only if all of them match the current round. */
export const jobAnnotations = {
  cache: 'kubefledged.io/cache',
  round: 'kubefledged.io/round',
  node: 'kubefledged.io/node',
  attempt: 'kubefledged.io/attempt',
  /** On Jobs that pull, not on those that open images: the desired hash, and the indexes of the images that the Job pulls, as `8c1d2e3f/0,1`. */
  holds: 'kubefledged.io/holds',
  /** On pull Jobs: seconds after which their Pod must have started, for a timer of the source. */
  deadline: 'kubefledged.io/deadline',
  /** On removal Jobs: the references to remove, as a JSON array, for readers of metadata only. */
  removes: 'kubefledged.io/removes',
} as const;

export const finalizer = 'kubefledged.io/purge' as const;

/** A Kubernetes Event about a cache. Recording the same key again creates no second Event. */
export type CacheEvent = {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly key: string;
};
