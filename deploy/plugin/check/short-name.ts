import type { Node } from '#model/node/node.ts';

/** Whether the node's configuration decides which registry a name without one is in: CRI-O asks its registries.conf. */
export function isCompletedByNode(image: string, { containerRuntime }: Node): boolean {
  const [first = '', rest] = image.split('/');
  const hasRegistry = rest !== undefined && (/[.:]/.test(first) || first === 'localhost');
  return !hasRegistry && containerRuntime.startsWith('cri-o');
}
