import { inspect } from 'node:util';
import { withLab } from './bench-lab.ts';
import { measuredRound } from './measured-round.ts';
import { withProduct } from './our-product.ts';
import type { Found, Round } from './results.ts';
import { references, type Size } from './sizes.ts';

/** Sizes to measure, sizes to check the cost model against, and the seconds until a round has to end. */
export type RoundsOrder = {
  readonly of: readonly Size[];
  readonly check: readonly Size[];
  readonly timeoutSeconds: number;
};

/** The product's rounds, each on a new cluster. A round that does not end in time is reported and left out. */
export async function rounds({ of, check, timeoutSeconds }: RoundsOrder): Promise<Found['rounds']> {
  const checked = await ended(check, timeoutSeconds);
  return { measured: await ended(of, timeoutSeconds), check: checked };
}

async function ended(sizes: readonly Size[], timeoutSeconds: number): Promise<Round[]> {
  const found: Round[] = [];
  for (const size of sizes)
    try {
      found.push(await ourRound(size, timeoutSeconds));
    } catch (error) {
      process.exitCode = 1;
      process.stderr.write(`bench: ${size.nodes} × ${size.images} failed: ${inspect(error)}\n`);
    }
  return found;
}

function ourRound({ nodes, images }: Size, timeoutSeconds: number): Promise<Round> {
  return withLab(nodes, (bench) =>
    withProduct(bench.lab, (running) =>
      measuredRound(bench, { nodes, images: references(images), pid: running.pid(), timeoutSeconds }),
    ),
  );
}
