import { objectAt } from '../json.ts';
import { nodes } from '../api/kinds/node.ts';
import { leases } from '../api/kinds/plain.ts';
import { type KubeObject, kubeObject, nameOf, uidOf, wireTime } from '../api/kube-object.ts';
import type { World } from './controller.ts';
import type { Image } from './image.ts';
import { heartbeat, registered } from './node-status.ts';

/** What a kubelet writes about its Node. */
export type NodeAgent = {
  /** Tells the node's images in a moment. */
  readonly imagesChanged: (images: () => readonly Image[]) => void;
  readonly stop: () => void;
};

const statusBeat = 5 * 60_000;
const leaseBeat = 10_000;
const leaseNamespace = 'kube-node-lease' as const;

const listed = (images: readonly Image[]): readonly object[] =>
  images.slice(0, 50).map(({ repository, name, digest, size }) => ({
    names: [...new Set([`${repository}@${digest}`, name])],
    sizeBytes: size,
  }));

const renewLease = ({ operations, core }: World, node: KubeObject): void => {
  const name = nameOf(node);
  const renewTime = new Date(core.clock.now()).toISOString().replace('Z', '000Z');
  const spec = { holderIdentity: name, leaseDurationSeconds: 40, renewTime };
  const known = operations.find(leases, leaseNamespace, name);
  const owner = { apiVersion: 'v1', kind: 'Node', name, uid: uidOf(node) };
  if (known !== undefined) operations.update(leases, known, (current) => ({ ...current, spec }));
  else
    operations.create(leases, leaseNamespace, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, ownerReferences: [owner] },
      spec,
    });
};

/** Registers a Node after a moment, and from then on keeps telling that it is there. */
export const startNodeAgent = (world: World, node: KubeObject): NodeAgent => {
  const { core, operations, timings } = world;
  const { clock } = core;
  const cancels = new Map<string, () => void>();
  const later = (what: string, ms: number, act: () => void): void => {
    cancels.set(
      what,
      clock.after(ms, () => {
        cancels.delete(what);
        if (uidOf(operations.find(nodes, '', nameOf(node)) ?? kubeObject({})) === uidOf(node)) act();
      }),
    );
  };
  const time = (): string => wireTime(clock.now());
  const every = (what: string, ms: number, act: () => void): void =>
    later(what, ms, () => {
      act();
      every(what, ms, act);
    });
  later('register', timings.nodeReady, () => {
    operations.update(nodes, node, (current) => registered(current, time()).named);
    operations.update(nodes, node, (current) => registered(current, time()).ready, 'status');
    renewLease(world, node);
    every('lease', leaseBeat, () => renewLease(world, node));
    every('status', statusBeat, () =>
      operations.update(nodes, node, (current) => heartbeat(current, time()), 'status'),
    );
  });
  return {
    imagesChanged: (images) => {
      if (cancels.has('images')) return;
      later('images', timings.nodeStatus, () =>
        operations.update(
          nodes,
          node,
          (current) => ({ ...current, status: { ...objectAt(current, 'status'), images: listed(images()) } }),
          'status',
        ),
      );
    },
    stop: () => {
      for (const cancel of cancels.values()) cancel();
    },
  };
};
