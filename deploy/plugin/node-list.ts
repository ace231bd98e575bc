/** Names of nodes in a sentence; of more than three only two, unless all are asked for. */
export function nodeList(names: readonly string[], isWide: boolean): string {
  if (isWide || names.length <= 3) return names.join(', ');
  return `${names.slice(0, 2).join(', ')} and ${names.length - 2} more nodes`;
}
