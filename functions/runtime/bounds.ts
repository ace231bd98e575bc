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

type Row = { readonly limit: number; readonly doc: string };

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/** Every bound of what others can make a process hold or do; none can be set, and docs/security.md lists them. */
export const boundTable = {
  connections: {
    limit: 256,
    doc: 'open connections to the port; one more displaces the oldest of the busiest address that is not being answered',
  },
  connection_requests: {
    limit: 4,
    doc: 'requests that a connection may send before the first is answered; one more closes it',
  },
  request_seconds: { limit: 10, doc: 'seconds for a whole request to arrive' },
  body_bytes: { limit: 2 * mebibyte, doc: 'bytes of one body: a little more than the largest object of etcd' },
  small_body_bytes: { limit: 64 * kibibyte, doc: 'bytes of a body that every request may have' },
  large_bodies_bytes: { limit: 8 * mebibyte, doc: 'bytes above that, of all requests together; more are answered 503' },
  batch_events: { limit: 100, doc: 'events of one batch; more are answered 413. Equal ones are handled once' },
  requests: { limit: 256, doc: 'requests with events at once; more are answered 503' },
  requests_at_work: {
    limit: 32,
    doc: 'of these, events that a function handles at once; others wait, until the sender hangs up',
  },
  pages: { limit: 16, doc: 'pages and metrics that are sent at once, each within 10 s; more are answered 503' },
  registry_calls: { limit: 48, doc: 'calls to registries at once' },
  registry_calls_of_namespace: { limit: 16, doc: 'of these, for caches of one namespace' },
  registry_calls_to_host: { limit: 4, doc: 'of these, to one registry' },
  registry_answer_bytes: { limit: 64 * kibibyte, doc: 'bytes of an answer that are kept; of a manifest, the digest' },
  round_questions: { limit: 64, doc: 'images of one round that wait for a registry at once' },
  round_images: { limit: 1000, doc: 'moving images of one round that registries are asked for; more count as unknown' },
} as const satisfies Readonly<Record<string, Row>>;

export type BoundName = keyof typeof boundTable;

export type Bounds = Readonly<Record<BoundName, Bound>>;

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
