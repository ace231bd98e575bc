import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Node } from '#model/node/node.ts';
import { gateRelease, type GateRelease } from '#model/desired/warm-gate.ts';
import { ApiError, isConflict, isNotFound, RetryLater } from '#runtime/errors.ts';
import type { Context } from '#runtime/handler.ts';
import { isolated } from '../log-failure.ts';

/** The nodes whose startup taint these caches no longer require: nearly always none. Other caches may still require it. */
export function nodesToRelease(
  nodes: Iterable<Node | undefined>,
  caches: readonly ImageCache[],
  { settings, now }: Context,
): readonly string[] {
  return [...nodes].flatMap((node) =>
    node !== undefined && gateRelease(node, caches, settings, now()) !== undefined ? [node.name] : [],
  );
}

/** Removes the startup taints of nodes that are warm or too late. Reads caches and nodes again, since this process has written to them. */
export async function openGates(names: Iterable<string>, context: Context): Promise<void> {
  await forEachGate(names, context, (_node, open) => open());
}

/** The same in a tick, where the failure of one node is its own. */
export async function openGatesInTick(names: Iterable<string>, context: Context): Promise<void> {
  await forEachGate(names, context, (node, open) => isolated({ node }, open, context));
}

type Each = (node: string, open: () => Promise<void>) => Promise<void>;

async function forEachGate(names: Iterable<string>, context: Context, each: Each): Promise<void> {
  const nodes = [...names];
  if (nodes.length === 0) return;
  const caches = await context.cluster.caches();
  for (const node of nodes) await each(node, () => openGate(node, caches, context));
}

const maxTurns = 5;

/** Repeats after each patch, since a node may have several such taints, and after a conflict. */
async function openGate(name: string, caches: readonly ImageCache[], context: Context): Promise<void> {
  for (let turn = 1; turn <= maxTurns; turn += 1) {
    const node = await context.cluster.node(name);
    const open = node && gateRelease(node, caches, context.settings, context.now());
    if (open === undefined) return;
    const outcome = await patchNode(name, open, context);
    if (outcome === 'refused') return;
    if (outcome === 'done') await report(name, open, context);
  }
  throw new RetryLater(`node ${name} changes too fast to remove its startup taint`, 1000);
}

/** A patch whose tests fail is answered 422 and changes nothing. */
async function patchNode(
  name: string,
  { patch }: GateRelease,
  context: Context,
): Promise<'done' | 'changed' | 'refused'> {
  try {
    await context.cluster.patchNode(name, patch);
    return 'done';
  } catch (error) {
    if (isConflict(error) || isNotFound(error) || (error instanceof ApiError && error.status === 422)) return 'changed';
    if (!(error instanceof ApiError) || error.status !== 403) throw error;
    context.log.error(
      { node: name, reason: error.message },
      'the warm gate may not patch nodes: grant it with deploy/kubectl/warm-gate.yaml',
    );
    return 'refused';
  }
}

async function report(name: string, { isWarm, late }: GateRelease, { cluster, log, now }: Context): Promise<void> {
  for (const { cache, event } of late) await cluster.record(cache, event, now());
  log.info({ node: name, isWarm, late: late.length }, 'startup taint removed');
}
