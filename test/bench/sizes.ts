/** How large a round is. */
export type Size = { readonly nodes: number; readonly images: number };

export const sizes: readonly Size[] = [
  { nodes: 10, images: 10 },
  { nodes: 100, images: 20 },
  { nodes: 1000, images: 50 },
  { nodes: 5000, images: 50 },
];

/** Sizes that the model of the cost is not fitted to, but checked against. */
export const checkSizes: readonly Size[] = [
  { nodes: 300, images: 30 },
  { nodes: 2000, images: 20 },
];

/** Reads `10x10,100x20`. Throws a sentence where it is something else. */
export function parseSizes(text: string): readonly Size[] {
  return text.split(',').map((part) => {
    const [, nodes, images] = /^(\d+)x(\d+)$/.exec(part.trim()) ?? [];
    if (nodes === undefined || images === undefined || Number(nodes) * Number(images) === 0)
      throw new Error(`a size is NODESxIMAGES, such as 100x20, not "${part}"`);
    return { nodes: Number(nodes), images: Number(images) };
  });
}

/** References that no registry is ever asked for: a tag each, of one kind. */
export const references = (count: number, kind = 'good'): readonly string[] =>
  Array.from({ length: count }, (_, index) => `registry.example/${kind}-${index}:1`);
