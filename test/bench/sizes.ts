/** The size of a round. */
export type Size = { readonly nodes: number; readonly images: number };

export const sizes: readonly Size[] = [
  { nodes: 10, images: 10 },
  { nodes: 100, images: 20 },
  { nodes: 1000, images: 50 },
  { nodes: 5000, images: 50 },
];

/** Sizes to check the cost model against, which it is not fitted to. */
export const checkSizes: readonly Size[] = [
  { nodes: 300, images: 30 },
  { nodes: 2000, images: 20 },
];

/** Parses `10x10,100x20`. Throws for anything else. */
export function parseSizes(text: string): readonly Size[] {
  return text.split(',').map((part) => {
    const [, nodes, images] = /^(\d+)x(\d+)$/.exec(part.trim()) ?? [];
    if (nodes === undefined || images === undefined || Number(nodes) * Number(images) === 0)
      throw new Error(`expected a size NODESxIMAGES, such as 100x20, not "${part}"`);
    return { nodes: Number(nodes), images: Number(images) };
  });
}

/** References with fixed tags, which are never resolved. */
export const references = (count: number, kind = 'good'): readonly string[] =>
  Array.from({ length: count }, (_, index) => `registry.example/${kind}-${index}:1`);
