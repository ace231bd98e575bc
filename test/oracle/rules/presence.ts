import type { Ending, SeenCache, SeenNode } from '../ending.ts';
import {
  failuresOn,
  hindrances,
  isDesired,
  isHeld,
  isPurged,
  isServed,
  listedFor,
  lostUnnoticed,
  unproven,
} from '../truth.ts';

/** What a cache lists for a node that can pull is there, or the status names the node; each node is in the state that it is in. */
export function presence(ending: Ending): readonly string[] {
  return ending.caches
    .filter((cache) => isServed(cache) && !isPurged(cache))
    .flatMap((cache) => [
      ...ending.nodes.flatMap((node) => onNode(ending, cache, node)),
      ...unknownNodes(ending, cache),
      ...imageCounts(ending, cache),
    ]);
}

function onNode(ending: Ending, cache: SeenCache, node: SeenNode): readonly string[] {
  const listed = listedFor(cache, node);
  if (listed.length === 0) return [];
  const name = `${cache.metadata.name} on ${node.name}`;
  const entry = cache.status.nodes[node.name];
  if (entry === undefined) return [`${name}: status.nodes has no entry, and it lists ${listed.join(', ')}`];
  const hindered = hindrances(cache, node);
  const isAway = entry.state === 'Ready' && !node.isReady;
  if (isAway !== (entry.state === 'Ready' && entry.reason === 'NotReady'))
    return [`${name}: ${entry.state} (${entry.reason}), and the node is ${node.isReady ? 'Ready' : 'NotReady'}`];
  if (!isAway && !isDesired(cache, node)) {
    const isSaid = entry.state === 'Skipped' && hindered.includes(entry.reason);
    return isSaid ? [] : [`${name}: ${entry.state} (${entry.reason}), and it cannot pull: ${hindered.join(', ')}`];
  }
  if (isHeld(cache, node)) return [];
  const unnoticed = lostUnnoticed(ending, cache, node);
  const missing = listed.filter((image) => !node.images.has(image));
  const failures = failuresOn(cache, node.name);
  if (entry.state === 'Ready') {
    const lacking = missing.filter((image) => !unnoticed.has(image));
    return [
      ...(lacking.length === 0 ? [] : [`${name}: Ready, and it lacks ${lacking.join(', ')}`]),
      ...(failures.length === 0 ? [] : [`${name}: Ready, and failures has it for ${failures.join(', ')}`]),
    ];
  }
  if (entry.state !== 'Failed') return [`${name}: still ${entry.state}`];
  const unsaid = missing.filter((image) => !failures.includes(image) && !unnoticed.has(image));
  const strange = failures.filter((image) => !listed.includes(image));
  return [
    ...(cache.status.failuresOmitted > 0 || unsaid.length === 0
      ? []
      : [`${name}: Failed, and failures does not say that it lacks ${unsaid.join(', ')}`]),
    ...(failures.length === 0 && cache.status.failuresOmitted === 0
      ? [`${name}: Failed, and failures does not say why`]
      : []),
    ...(strange.length === 0 ? [] : [`${name}: failures has it for ${strange.join(', ')}, which it does not list`]),
    ...(missing.length + unproven(ending, cache, node).size === 0
      ? [`${name}: Failed, and it has all of ${listed.join(', ')}`]
      : []),
  ];
}

function unknownNodes({ nodes }: Ending, cache: SeenCache): readonly string[] {
  const selected = new Set(nodes.filter((node) => listedFor(cache, node).length > 0).map(({ name }) => name));
  return Object.keys(cache.status.nodes)
    .filter((name) => !selected.has(name))
    .map((name) => `${cache.metadata.name}: status.nodes has ${name}, which it does not select`);
}

/** status.images counts the nodes that have an image, and those that failed to pull it. */
function imageCounts(ending: Ending, cache: SeenCache): readonly string[] {
  return cache.status.images.flatMap(({ image, ready, failed }) => {
    const selected = ending.nodes.filter((node) => listedFor(cache, node).includes(image));
    const able = selected.filter((node) => isDesired(cache, node) && !isHeld(cache, node));
    const having = able.filter(
      (node) => node.images.has(image) || lostUnnoticed(ending, cache, node).has(image),
    ).length;
    const failing = able.filter(({ name }) => failuresOn(cache, name).includes(image)).length;
    const is = `${cache.metadata.name}: status.images counts ${ready} nodes with ${image} and ${failed} without`;
    const isTrue = ready <= having && ready + failed === able.length && failed >= failing;
    return isTrue ? [] : [`${is}; ${having} of ${able.length} have it`];
  });
}
