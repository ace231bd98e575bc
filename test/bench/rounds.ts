import { withLab } from './bench-lab.ts';
import { measuredRound } from './measured-round.ts';
import { withProduct } from './our-product.ts';
import type { Found, Round } from './results.ts';
import { references, type Size } from './sizes.ts';

/** The product's rounds at these sizes, each on a new cluster, and at sizes that the model of the cost is checked against. */
export async function rounds(of: readonly Size[], check: readonly Size[]): Promise<Found['rounds']> {
  const measured: Round[] = [];
  for (const size of of) measured.push(await ourRound(size, 'good'));
  const checked: Round[] = [];
  for (const size of check) checked.push(await ourRound(size, 'good'));
  return { measured, check: checked };
}

function ourRound({ nodes, images }: Size, kind: string): Promise<Round> {
  return withLab(nodes, (bench) =>
    withProduct(bench.lab, (running) =>
      measuredRound(bench, { nodes, images: references(images, kind), pid: running.pid(), patience: 1800 }),
    ),
  );
}
