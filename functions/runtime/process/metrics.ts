import type { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** The definition of one metric; durations are in seconds. */
type Definition =
  | { readonly type: 'counter' | 'gauge'; readonly help: string; readonly labels: readonly string[] }
  | {
      readonly type: 'histogram';
      readonly help: string;
      readonly labels: readonly string[];
      readonly buckets: readonly number[];
    };
export type Definitions<Name extends string> = Readonly<Record<Name, Definition>>;

type Labels = Readonly<Record<string, string>>;
export type Sample = { readonly value: number; readonly labels?: Labels };

/** Records metrics. */
export type Meter<Name extends string> = {
  /** Adds to a counter, or observes a value of a histogram. */
  readonly record: (name: Name, value: number, labels?: Labels) => void;
};

export type Metrics<Name extends string> = Meter<Name> & {
  /** Sets the reader of a gauge's samples, called at every scrape. */
  readonly gauge: (name: Name, read: () => readonly Sample[]) => void;
  /** All metrics in Prometheus' text format; calls at the same time share one text, so that a flood costs little. */
  readonly scrape: () => Promise<Scrape>;
};

type Scrape = { readonly contentType: string; readonly text: string };

/** Discards all values. */
export const noMeter: Meter<string> = { record: () => undefined };

type Recorded = { readonly name: string; readonly value: number; readonly labels: Labels };
type Reads = ReadonlyMap<string, () => readonly Sample[]>;

/** Number of values to buffer before prom-client is loaded without a scrape. */
const maxBuffered = 1000;

/**
 * Creates the defined metrics. Loading prom-client takes 45 ms and 20 MB, too much for a process that handles one event,
 * so it is loaded at the first scrape or after `maxBuffered` values.
 */
export function createMetrics<Name extends string>(definitions: Definitions<Name>): Metrics<Name> {
  const reads = new Map<string, () => readonly Sample[]>();
  const buffered: Recorded[] = [];
  let registered: Registered | undefined;
  let loading: Promise<Registered> | undefined;
  const load = async (): Promise<Registered> => {
    registered = await register(definitions, reads);
    for (const each of buffered.splice(0)) registered.record(each);
    return registered;
  };
  const scraped = async (): Promise<Scrape> => {
    const { registry } = await (loading ??= load());
    return { contentType: registry.contentType, text: await registry.metrics() };
  };
  let scraping: Promise<Scrape> | undefined;
  return {
    record: (name, value, labels = {}) => {
      if (registered !== undefined) {
        registered.record({ name, value, labels });
        return;
      }
      buffered.push({ name, value, labels });
      if (buffered.length >= maxBuffered) void (loading ??= load());
    },
    gauge: (name, read) => void reads.set(name, read),
    scrape: () => (scraping ??= scraped().finally(() => (scraping = undefined))),
  };
}

type Registered = { readonly registry: Registry; readonly record: (recorded: Recorded) => void };

async function register(definitions: Definitions<string>, reads: Reads): Promise<Registered> {
  // A bundle has only the default export of a CommonJS package.
  const { default: client } = await import('prom-client');
  const registry = new client.Registry();
  client.collectDefaultMetrics({ register: registry });
  const counters = new Map<string, Counter>();
  const histograms = new Map<string, Histogram>();
  for (const [name, definition] of Object.entries(definitions)) {
    const common = { name, help: definition.help, labelNames: definition.labels, registers: [registry] };
    if (definition.type === 'counter') counters.set(name, new client.Counter(common));
    else if (definition.type === 'histogram')
      histograms.set(name, new client.Histogram({ ...common, buckets: [...definition.buckets] }));
    else
      new client.Gauge({
        ...common,
        collect() {
          fill(this, reads.get(name)?.() ?? []);
        },
      });
  }
  return {
    registry,
    record: ({ name, value, labels }) => {
      counters.get(name)?.inc(labels, value);
      histograms.get(name)?.observe(labels, value);
    },
  };
}

function fill(gauge: Gauge, samples: readonly Sample[]): void {
  gauge.reset();
  for (const { labels = {}, value } of samples) gauge.set(labels, value);
}
