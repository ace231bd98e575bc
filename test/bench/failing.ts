import { parseCache } from '../behaviour/observed.ts';
import { withLab } from './bench-lab.ts';
import { measuredRound } from './measured-round.ts';
import { withProduct } from './our-product.ts';
import type { Found } from './results.ts';
import { references, type Size } from './sizes.ts';

/** A round in which every image is missing: every node is tried twice, and every failure has a message. */
export function failing({ nodes, images }: Size): Promise<Found['failing']> {
  return withLab(nodes, (bench) =>
    withProduct(bench.lab, async (running) => {
      const order = { nodes, images: references(images, 'missing'), pid: running.pid(), timeoutSeconds: 1800 };
      const round = await measuredRound(bench, order);
      const object = await bench.kube.get('ImageCache', 'round');
      const { failures, failuresOmitted } = parseCache(object).status;
      return {
        round,
        listedFailures: Object.values(failures).flat().length,
        omittedFailures: failuresOmitted,
        objectBytes: Buffer.byteLength(JSON.stringify(object)),
      };
    }),
  );
}
