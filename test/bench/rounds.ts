import { inspect } from 'node:util';
import { withLab } from './bench-lab.ts';
import { measuredRound } from './measured-round.ts';
import { withProduct } from './our-product.ts';
import type { Found, Round } from './results.ts';
import { references, type Size } from './sizes.ts';

/** Sizes to measure, sizes that the model of the cost is checked against, and the seconds that a round is given. */
export type RoundsOrder = { readonly of: readonly Size[]; readonly check: readonly Size[]; readonly patience: number };

/** The product's rounds, each on a new cluster. One that does not end in its time is said to have not, and left out. */
export async function rounds({ of, check, patience }: RoundsOrder): Promise<Found['rounds']> {
  const checked = await ended(check, patience);
  return { measured: await ended(of, patience), check: checked };
}

async function ended(sizes: readonly Size[], patience: number): Promise<Round[]> {
  const found: Round[] = [];
  for (const size of sizes)
    try {
      found.push(await ourRound(size, patience));
    } catch (error) {
      process.exitCode = 1;
      process.stderr.write(`bench: ${size.nodes} × ${size.images} is left out: ${inspect(error)}\n`);
    }
  return found;
}

function ourRound({ nodes, images }: Size, patience: number): Promise<Round> {
  return withLab(nodes, (bench) =>
    withProduct(bench.lab, (running) =>
      measuredRound(bench, { nodes, images: references(images), pid: running.pid(), patience }),
    ),
  );
}
