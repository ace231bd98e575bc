import { maxChangedObjects } from '#model/cache/cloud-event.ts';
import { foundBounds } from '#model/found/groups.ts';
import { maxNodesStarted } from '#model/desired/rollout.ts';

/** What a limiter needs of a bound. */
export type Slots = Pick<Bound, 'limit' | 'take' | 'give'>;

/** One bound: at most `limit` of something at the same time in this process. */
export type Bound = {
  readonly limit: number;
  /** How much is in use. */
  readonly used: () => number;
  /** Takes an amount if it is free; otherwise counts a refusal. */
  readonly take: (amount?: number) => boolean;
  readonly give: (amount?: number) => void;
  /** Counts a refusal of what is not counted while it is in use. */
  readonly refuse: () => void;
};

/** `isCounted`: how much is in use is known, and shown in /metrics; the others are sizes. */
type Row = { readonly limit: number; readonly doc: string; readonly isCounted?: true };

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/** Every bound of what others can make a process hold or do; none can be set, and docs/security.md lists them. */
export const boundTable = {
  connections: {
    limit: 256,
    isCounted: true,
    doc: 'open connections to the port; one more displaces the oldest of the busiest address that is not being answered',
  },
  connection_requests: {
    limit: 4,
    doc: 'requests that a connection may send before the first is answered; one more closes it',
  },
  request_seconds: { limit: 10, doc: 'seconds for a whole request to arrive' },
  body_bytes: { limit: 2 * mebibyte, doc: 'bytes of one body: a little more than the largest object of etcd' },
  small_body_bytes: { limit: 64 * kibibyte, doc: 'bytes of a body that every request may have' },
  large_bodies_bytes: {
    limit: 8 * mebibyte,
    isCounted: true,
    doc: 'bytes above that, of all requests together; more are answered 503',
  },
  batch_events: { limit: 100, doc: 'events of one batch; more are answered 413. Equal ones are handled once' },
  requests: { limit: 256, isCounted: true, doc: 'requests with events at once; more are answered 503' },
  requests_at_work: {
    limit: 32,
    isCounted: true,
    doc: 'of these, events that a function handles at once; others wait, until the sender hangs up',
  },
  pages: {
    limit: 16,
    isCounted: true,
    doc: 'pages and metrics that are sent at once, each within 10 s; more are answered 503',
  },
  registry_calls: { limit: 48, isCounted: true, doc: 'calls to registries at once' },
  registry_calls_of_namespace: { limit: 16, doc: 'of these, for caches of one namespace' },
  registry_calls_to_host: { limit: 4, doc: 'of these, to one registry' },
  registry_answer_bytes: { limit: 64 * kibibyte, doc: 'bytes of an answer that are kept; of a manifest, the digest' },
  round_questions: { limit: 64, doc: 'images of one round that wait for a registry at once' },
  round_images: { limit: 1000, doc: 'images of one round that registries are asked for; more count as unknown' },
  api_calls: {
    limit: 32,
    isCounted: true,
    doc: 'calls to the API server at once: reads, pages of listings, and writes of Jobs; others wait. Watches and the Lease are not counted',
  },
  cache_calls: {
    limit: 16,
    doc: 'of these, reads and writes that one decision about a cache makes at once, so that those about others come in between',
  },
  page_caches: { limit: 50, doc: 'ImageCaches in one page of a listing' },
  page_nodes: { limit: 100, doc: 'Nodes in one page' },
  page_pods: { limit: 25, doc: 'Pods in one page: one of 32 images has 50 kB' },
  page_jobs: { limit: 50, doc: 'Jobs in one page' },
  page_job_metadata: { limit: 100, doc: 'Jobs in one page, of which only the metadata is read' },
  page_metadata: { limit: 500, doc: 'Pods, or ImageCaches, in one page, of which only the metadata is read' },
  page_removal_jobs: { limit: 250, doc: 'removal Jobs in one page' },
  page_workloads: { limit: 50, doc: 'workloads in one page, of which only images, credentials and nodes are kept' },
  page_accounts: { limit: 250, doc: 'service accounts in one page, of which only the pull secrets are kept' },
  page_bytes: {
    limit: 8 * mebibyte,
    doc: 'bytes of a page of workloads or service accounts, whose size users decide; of a larger one, half as many objects are read',
  },
  user_pages: {
    limit: 2,
    doc: 'such pages that are in memory at once; others wait once the API server answers',
  },
  cache_workloads: {
    limit: 2000,
    doc: 'workloads that are read for one cache, over all its lists; its status says so if there are more',
  },
  cache_workload_bytes: {
    limit: 4 * mebibyte,
    doc: 'bytes that are kept of them: of images, with 100 for each, of secrets and of nodes',
  },
  cache_workload_listings: {
    limit: 64,
    doc: 'listings for one cache: a kind with a selector is listed once, however many lists have both',
  },
  cache_accounts: {
    limit: 2000,
    doc: 'service accounts that are read for one cache until those that its workloads name are found; its status says so if there are more',
  },
  cache_workload_seconds: {
    limit: 15,
    doc: 'seconds for all of this; what was found before then stays, and only this cache is affected',
  },
  tick_readings: { limit: 4, doc: 'caches of a tick whose workloads are read at once, beside those that it handles' },
  tick_readings_of_namespace: {
    limit: 3,
    doc: 'of these, caches of one namespace, whose workloads may not answer',
  },
  tick_reading_seconds: {
    limit: 30,
    doc: 'seconds after which a tick reads no more workloads: what was found before stays until the next',
  },
  found_images: { limit: foundBounds.images, doc: 'images that one cache finds in workloads, besides its own limit' },
  found_placements: {
    limit: foundBounds.placements,
    doc: 'sets of nodes that one cache takes from workloads with nodes: AsPods; each term of node affinity is one',
  },
  found_secrets: { limit: foundBounds.secrets, doc: 'pull secrets that one cache takes from workloads' },
  knative_images: {
    limit: 20_000,
    doc: 'Images of Knative that are read at once to write their status; more keep the status that they have, with a line in the log',
  },
  knative_image_bytes: { limit: 16 * mebibyte, doc: 'bytes that are kept of them; the same holds for more' },
  knative_image_status_bytes: {
    limit: 4 * kibibyte,
    doc: 'bytes of the status of one of them, in which others may write, too; one that has more is left as it is',
  },
  knative_image_writes: {
    limit: 500,
    doc: 'of these in one namespace, whose status is written at once; more follow with the next event or tick',
  },
  page_events: { limit: 500, doc: 'Events in one page' },
  page_deployments: { limit: 100, doc: 'Deployments in one page, when kube-fledged is looked for' },
  page_watched: { limit: 100, doc: 'objects in one page when a source lists what it then watches' },
  tick_drives: { limit: 2, isCounted: true, doc: 'caches that a tick handles at once' },
  removal_decisions: {
    limit: 1,
    isCounted: true,
    doc: 'decisions about the removals of a cache at once: each knows what the one before has started on a node',
  },
  plan_nodes: {
    limit: maxNodesStarted,
    doc: 'nodes on which one decision starts Jobs, before the next decision starts more',
  },
  deliveries: { limit: 16, doc: 'events that a source delivers at once, one for each cache' },
  deliveries_of_namespace: {
    limit: 12,
    doc: 'of these, for caches of one namespace, while deliveries take less than half a second',
  },
  slow_deliveries_of_namespace: {
    limit: 2,
    doc: 'the same while they take longer: an API server with more requests than it can answer makes everybody wait',
  },
  edits: {
    limit: 5,
    doc: 'events about edits of one cache within 5 seconds; further edits wait, and are delivered as one',
  },
  pending_changes: {
    limit: 20_000,
    doc: 'changed objects of one cache that wait for delivery; of more, the event says that everything is to be observed',
  },
  event_objects: { limit: maxChangedObjects, doc: 'changed objects that one event names; the rest follow in the next' },
} as const satisfies Readonly<Record<string, Row>>;

export type BoundName = keyof typeof boundTable;

/** The size of the pages of a listing. */
export type PageBound = Exclude<Extract<BoundName, `page_${string}`>, 'page_bytes'>;

export type Bounds = Readonly<Record<BoundName, Bound>>;

/** The bounds of which the use is counted. */
export const countedBounds = (): readonly BoundName[] =>
  boundNames.filter((name) => {
    const row: Row = boundTable[name];
    return row.isCounted === true;
  });

/** The bounds of one process, with nothing in use. */
export function createBounds(onRefused: (name: BoundName) => void = () => undefined): Bounds {
  const entries = boundNames.map((name) => [name, createBound(boundTable[name].limit, () => onRefused(name))] as const);
  // Object.fromEntries forgets the names.
  return Object.fromEntries(entries) as Bounds;
}

const isBoundName = (name: string): name is BoundName => name in boundTable;
export const boundNames: readonly BoundName[] = Object.keys(boundTable).filter(isBoundName);

function createBound(limit: number, refuse: () => void): Bound {
  let used = 0;
  return {
    limit,
    used: () => used,
    take: (amount = 1) => {
      if (used + amount > limit) {
        refuse();
        return false;
      }
      used += amount;
      return true;
    },
    give: (amount = 1) => {
      used -= amount;
    },
    refuse,
  };
}
