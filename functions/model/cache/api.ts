/** The words of the API that are spoken to the cluster: each lives here and nowhere else. */
export const group = 'kubefledged.io' as const;
export const version = 'v1alpha2' as const;
export const apiVersion = `${group}/${version}` as const;
export const imageCacheKind = 'ImageCache' as const;
export const imageCachePlural = 'imagecaches' as const;
export const crdName = `${imageCachePlural}.${group}` as const;

/** The name under which our writes appear in managedFields and as the component of Events. */
export const fieldManager = 'imagecache-functions' as const;

export const annotations = {
  refresh: 'kubefledged.io/refresh-imagecache',
  purge: 'kubefledged.io/purge-imagecache',
  refreshRequestedAt: 'kubefledged.io/refresh-requested-at',
  purgeRequestedAt: 'kubefledged.io/purge-requested-at',
} as const;

/** kube-fledged's labels, which its users select by, and ours beside them. */
export const labels = {
  app: 'app',
  manager: 'kubefledged',
  cacheUid: 'kubefledged.io/cache-uid',
  node: 'kubefledged.io/node-id',
  /** On removal Jobs and their Pods only: `kubefledged.io/removal: "true"`. */
  removal: 'kubefledged.io/removal',
  /** On nodes: `"true"` once the images of all gated caches were there when its startup taint went. */
  warm: 'kubefledged.io/warm',
} as const;

/** The value of `labels.manager` on every Job and Pod of ours: the selector of our watches. */
export const managerLabelValue = 'kubefledged-image-manager' as const;
export const managerSelector = `${labels.manager}=${managerLabelValue}` as const;
/** Of Jobs and Pods of ours, those that pull, and those that remove. */
export const pullSelector = `!${labels.removal}` as const;
export const removalSelector = `${labels.removal}=true` as const;

/** What a Job and its Pod say of themselves; a result is folded only if all of it matches the live round. */
export const jobAnnotations = {
  cache: 'kubefledged.io/cache',
  round: 'kubefledged.io/round',
  node: 'kubefledged.io/node',
  attempt: 'kubefledged.io/attempt',
  /** On pull Jobs: the want and the indexes of its images, as `8c1d2e3f/0,1`. */
  holds: 'kubefledged.io/holds',
  /** On removal Jobs only: the references to remove, as a JSON array, for whoever reads metadata alone. */
  removes: 'kubefledged.io/removes',
} as const;

export const finalizer = 'kubefledged.io/purge' as const;
