/** Caches that are applied together over the same nodes, beside idle ones whose rounds are over. */
export type ManySize = {
  readonly caches: number;
  readonly nodes: number;
  /** Images of each cache. */
  readonly images: number;
  readonly idle: number;
};

/** Sizes that take minutes. */
export const manySizes = '20x50x5,50x100x5';

/** Parses `20x50x5` (caches x nodes x images), or `1x5000x50+50` with 50 idle caches beside. Throws for anything else. */
export function parseManySizes(text: string): readonly ManySize[] {
  return text.split(',').map((part) => {
    const [, caches, nodes, images, idle = '0'] = /^(\d+)x(\d+)x(\d+)(?:\+(\d+))?$/.exec(part.trim()) ?? [];
    const size = { caches: Number(caches), nodes: Number(nodes), images: Number(images), idle: Number(idle) };
    if (images === undefined || size.caches * size.nodes * size.images === 0)
      throw new Error(`expected CACHESxNODESxIMAGES, such as 20x50x5 or 1x5000x50+50, not "${part}"`);
    return size;
  });
}
