/**
 * Current names of status fields by their former names. A status with former names is converted when read, and
 * rewritten.
 */
const names = {
  status: { wants: 'desired', placed: 'placements', unwanted: 'toRemove' },
  node: {
    want: 'desiredHash',
    todo: 'pendingImages',
    failed: 'failedImages',
    singly: 'oneImagePerJob',
    copy: 'copiesNoop',
    ended: 'finishedJobs',
  },
  jobs: { size: 'imagesPerJob', failed: 'failedImages', vaguely: 'inconclusive' },
  image: { resolved: 'resolvedDigest', unresolved: 'unresolvedReason', doubted: 'digestMismatch' },
  removal: { want: 'imagesHash' },
  round: { pendingRemoval: 'requestedBy' },
} as const;

type Names = Readonly<Record<string, string>>;

/** Converts a status with former field names, recognised by `placed`, to the current ones. */
export function withCurrentStatus(cache: unknown): { readonly isFormer: boolean; readonly current: unknown } {
  const status = isObject(cache) ? cache['status'] : undefined;
  if (!isObject(cache) || !isObject(status) || !('placed' in status)) return { isFormer: false, current: cache };
  return { isFormer: true, current: { ...cache, status: currentStatus(status) } };
}

function currentStatus(status: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { images, nodes, removals, round } = status;
  return {
    ...renamed(status, names.status),
    ...(Array.isArray(images) ? { images: images.map((image) => renamedIf(image, names.image)) } : {}),
    ...(isObject(nodes) ? { nodes: eachEntry(nodes, currentNode) } : {}),
    ...(isObject(removals) ? { removals: eachEntry(removals, (entry) => renamedIf(entry, names.removal)) } : {}),
    ...(isObject(round) ? { round: renamed(round, names.round) } : {}),
  };
}

function currentNode(entry: unknown): unknown {
  if (!isObject(entry)) return entry;
  const { ended } = entry;
  return { ...renamed(entry, names.node), ...(isObject(ended) ? { finishedJobs: renamed(ended, names.jobs) } : {}) };
}

const renamed = (object: object, to: Names): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [to[key] ?? key, value]));

const renamedIf = (value: unknown, to: Names): unknown => (isObject(value) ? renamed(value, to) : value);

const eachEntry = (record: object, current: (entry: unknown) => unknown): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(record).map(([name, entry]) => [name, current(entry)]));

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
