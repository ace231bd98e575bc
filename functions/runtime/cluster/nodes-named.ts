import type { Node } from '#model/node/node.ts';
import type { Api } from '#runtime/api/api.ts';
import { listItems } from '#runtime/api/list-items.ts';
import { paths } from '#runtime/api/paths.ts';
import { isNotFound } from '#runtime/errors.ts';

type ReadNode = (object: unknown) => Node;

/** Most names in one selector: a URL of some kilobytes. */
const maxNames = 50;
/** Fewer are read one by one. */
const minNames = 8;
const maxLabel = 63;

/**
 * Reads Nodes by the label that kubelets set to the name, many with one request; those whose label is another one, or has no
 * room for the name, one by one.
 */
export async function nodesNamed(
  api: Api,
  names: readonly string[],
  readNode: ReadNode,
): Promise<ReadonlyMap<string, Node | undefined>> {
  const labelled = names.length < minNames ? [] : names.filter((name) => name.length <= maxLabel);
  const chunks = Array.from({ length: Math.ceil(labelled.length / maxNames) }, (_, index) =>
    labelled.slice(index * maxNames, (index + 1) * maxNames),
  );
  const listed = await Promise.all(chunks.map((chunk) => byLabel(api, chunk, readNode)));
  const found = new Map(listed.flat().map((node): [string, Node | undefined] => [node.name, node]));
  const others = names.filter((name) => !found.has(name));
  const read = await Promise.all(others.map(async (name) => [name, await byName(api, name, readNode)] as const));
  return new Map([...names.map((name) => [name, found.get(name)] as const), ...read]);
}

const byLabel = (api: Api, names: readonly string[], parse: ReadNode): Promise<readonly Node[]> =>
  listItems(api, paths.nodes, { bound: 'page_nodes', parse, selector: `kubernetes.io/hostname in (${names.join()})` });

async function byName(api: Api, name: string, readNode: ReadNode): Promise<Node | undefined> {
  try {
    return readNode(await api.request({ method: 'GET', path: paths.node(name) }));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
