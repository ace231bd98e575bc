import { parseArgs } from 'node:util';
import { benchNames, type BenchName } from './results.ts';
import { manySizes, parseManySizes, type ManySize } from './many/sizes.ts';
import { checkSizes, parseSizes, sizes, type Size } from './sizes.ts';
import type { StormSize } from './workload-storm.ts';

/** The benches to run, and their sizes. */
export type Options = {
  readonly only: readonly BenchName[];
  readonly sizes: readonly Size[];
  /** Sizes that the model of the cost is checked against. */
  readonly check: readonly Size[];
  /** Seconds until a round of the product has to end. */
  readonly timeoutSeconds: number;
  readonly baseline: readonly Size[];
  readonly failing: Size;
  readonly newNode: Size;
  readonly refresh: Size;
  readonly churn: {
    readonly nodes: number;
    readonly jobs: number;
    readonly caches: number;
    readonly pace: { readonly writesPerSecond: number; readonly seconds: number };
  };
  readonly large: { readonly images: number; readonly megabytes: number; readonly rate: string };
  /** Rounds of many caches, on the simulator. */
  readonly many: readonly ManySize[];
  /** Workloads that change, on the simulator. */
  readonly storm: StormSize;
  /** Starts of each function for the cold start. */
  readonly runs: number;
  readonly isSaved: boolean;
};

/** Of the 500 images each cache has 50, on the 100 nodes of its pool. */
const defaultStorm = '10x1000x2000x500x200';

export const usage = `usage: npm run bench -- [--only NAME,...] [options]
  --only          ${benchNames.join(', ')}; default all; large-images needs root
  --sizes         of rounds, as 10x10,100x20 (nodes x images); default ${written(sizes)}
  --check         sizes that the model is checked against; default ${written(checkSizes)}
  --timeout       seconds until a round has to end; default 1800
  --baseline      small (10x10, a minute) or full (100x20 beside it, a quarter of an hour); default small
  --failing, --new-node, --refresh   one size each; default 1000x20, 100x10, 1000x20
  --churn         NODESxJOBS; default 1000x10000
  --image-size    MB of each of ten images on real nodes; default 300
  --rate          of each real node's network, as 200mbit; default no limit
  --many          rounds of many caches, as 20x50x5 (caches x nodes x images), or 1x5000x50+50 beside 50 idle ones;
                  default ${manySizes}
  --storm         workloads that change, as CACHESxNODESxWORKLOADSxIMAGESxCHANGES in a minute;
                  default ${defaultStorm}
  --runs          starts of each function for the cold start; default 21
  --dry           prints the results without writing them
`;

function written(list: readonly Size[]): string {
  return list.map(({ nodes, images }) => `${nodes}x${images}`).join(',');
}

/** Parses the command line. Throws for invalid options. */
export function readOptions(args: readonly string[]): Options {
  const text = (fallback: string) => ({ type: 'string', default: fallback }) as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: text(benchNames.join(',')),
      sizes: text(written(sizes)),
      check: text(written(checkSizes)),
      timeout: text('1800'),
      baseline: text('small'),
      failing: text('1000x20'),
      'new-node': text('100x10'),
      refresh: text('1000x20'),
      churn: text('1000x10000'),
      'image-size': text('300'),
      rate: text(''),
      many: text(manySizes),
      storm: text(defaultStorm),
      runs: text('21'),
      dry: { type: 'boolean', default: false },
    },
  });
  const churned = oneSize(values.churn);
  return {
    only: values.only.split(',').map(benchNamed),
    sizes: values.sizes === '' ? [] : parseSizes(values.sizes),
    check: values.check === '' ? [] : parseSizes(values.check),
    timeoutSeconds: whole('--timeout', values.timeout),
    baseline: baselineSizes(values.baseline),
    failing: oneSize(values.failing),
    newNode: oneSize(values['new-node']),
    refresh: oneSize(values.refresh),
    churn: {
      nodes: churned.nodes,
      jobs: churned.images,
      caches: Math.max(1, Math.round(churned.images / 20)),
      pace: { writesPerSecond: 100, seconds: 60 },
    },
    large: { images: 10, megabytes: whole('--image-size', values['image-size']), rate: values.rate },
    many: parseManySizes(values.many),
    storm: stormSize(values.storm),
    runs: whole('--runs', values.runs),
    isSaved: !values.dry,
  };
}

function stormSize(text: string): StormSize {
  const numbers = text.split('x').map(Number);
  const [caches = 0, nodes = 0, workloads = 0, images = 0, changes = 0] = numbers;
  if (numbers.length !== 5 || !numbers.every((number) => Number.isInteger(number) && number > 0))
    throw new Error(`--storm must be CACHESxNODESxWORKLOADSxIMAGESxCHANGES, not "${text}"`);
  return { caches, nodes, workloads, images, changes, seconds: 60 };
}

function benchNamed(name: string): BenchName {
  const found = benchNames.find((known) => known === name);
  if (found === undefined) throw new Error(`unknown bench "${name}": ${benchNames.join(', ')}`);
  return found;
}

function baselineSizes(text: string): readonly Size[] {
  if (text === 'small') return parseSizes('10x10');
  return parseSizes(text === 'full' ? '10x10,100x20' : text);
}

function oneSize(text: string): Size {
  const [size, ...more] = parseSizes(text);
  if (size === undefined || more.length > 0) throw new Error(`expected one size, not "${text}"`);
  return size;
}

function whole(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${option} must be a positive integer, not "${text}"`);
  return value;
}
