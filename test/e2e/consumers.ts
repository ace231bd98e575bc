import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod/mini';
import type { Lab } from '../cluster/lab.ts';

/** Who starts Pods: a namespace, and a pull secret or a service account in it, if any. */
export type Consumer = {
  /** What distinguishes it, for people. */
  readonly who: string;
  readonly namespace: string;
  readonly secret?: string;
  readonly serviceAccount?: string;
  /** The account that its credentials are of. */
  readonly account?: string;
};

export type Start = {
  readonly consumer: Consumer;
  readonly node: number;
  readonly image: string;
  /** Whether the image is that of a container or an image volume. */
  readonly as: 'container' | 'volume';
  readonly outcome: 'starts' | 'refused';
  /** Why the kubelet refused it; '' if it starts. */
  readonly message: string;
};

export type Order = {
  readonly consumer: Consumer;
  readonly nodes: readonly number[];
  readonly images: readonly string[];
};

const label = 'consumer';
let orders = 0;

/** A Pod that starts each image as a container, and mounts it in another. `mounting` is open to all Pods on the node. */
const podOf = ({ namespace, secret, serviceAccount }: Consumer, node: number, images: readonly string[]) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: `consumer-${(orders += 1)}`, namespace, labels: { [label]: 'true' } },
  spec: {
    nodeName: `node${node}`,
    restartPolicy: 'Never',
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 0,
    ...(serviceAccount === undefined ? {} : { serviceAccountName: serviceAccount }),
    ...(secret === undefined ? {} : { imagePullSecrets: [{ name: secret }] }),
    volumes: images.map((reference, index) => ({
      name: `v${index}`,
      image: { reference, pullPolicy: 'IfNotPresent' },
    })),
    containers: images.flatMap((image, index) => [
      { name: `container-${index}`, image, imagePullPolicy: 'IfNotPresent', ...programOf(image) },
      {
        name: `volume-${index}`,
        image: mounting,
        imagePullPolicy: 'IfNotPresent',
        volumeMounts: [{ name: `v${index}`, mountPath: '/image', readOnly: true }],
      },
    ]),
  },
});

const mounting = 'registry.local:5000/hello:1';
const programOf = (image: string) => (image.includes('noop') ? { command: ['/noop'] } : {});

const Pods = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string() }),
      status: z.object({
        containerStatuses: z._default(
          z.array(
            z.object({
              name: z.string(),
              state: z.object({
                waiting: z.optional(
                  z.object({ reason: z._default(z.string(), ''), message: z._default(z.string(), '') }),
                ),
                terminated: z.optional(z.object({ exitCode: z.number(), reason: z._default(z.string(), '') })),
              }),
            }),
          ),
          [],
        ),
      }),
    }),
  ),
});
type Container = z.infer<typeof Pods>['items'][number]['status']['containerStatuses'][number];

function outcomeOf(container: Container | undefined): Start['outcome'] | undefined {
  const { waiting, terminated } = container?.state ?? {};
  if (terminated?.exitCode === 0) return 'starts';
  if (terminated !== undefined) throw new Error(`${container?.name ?? ''} ended with ${terminated.exitCode}`);
  return waiting?.reason === 'ErrImagePull' || waiting?.reason === 'ImagePullBackOff' ? 'refused' : undefined;
}

/** Has all consumers start their images at once, and reports which of them start. */
export async function started(lab: Lab, wanted: readonly Order[], seconds = 90): Promise<readonly Start[]> {
  const pods = wanted.flatMap(({ consumer, nodes, images }) =>
    nodes.map((node) => ({ consumer, node, images, pod: podOf(consumer, node, images) })),
  );
  await lab.apply({ apiVersion: 'v1', kind: 'List', items: pods.map(({ pod }) => pod) });
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const { items } = Pods.parse(JSON.parse(await lab.ask('get', 'pods', '-A', '-l', label, '-o', 'json')));
    const statuses = new Map(items.map(({ metadata, status }) => [metadata.name, status.containerStatuses]));
    const starts = pods.flatMap(({ consumer, node, images, pod }) =>
      images.flatMap((image, index) =>
        (['container', 'volume'] as const).map((as) => {
          const container = statuses.get(pod.metadata.name)?.find(({ name }) => name === `${as}-${index}`);
          const message = container?.state.waiting?.message ?? '';
          return { consumer, node, image, as, outcome: outcomeOf(container), message };
        }),
      ),
    );
    const decided = starts.flatMap(({ outcome, ...start }) => (outcome === undefined ? [] : [{ ...start, outcome }]));
    if (decided.length === starts.length) {
      await lab.ask('delete', 'pods', '-A', '-l', label, '--force', '--wait=false');
      return decided;
    }
    if (Date.now() > end)
      throw new Error(`not in ${seconds} s: ${starts.length - decided.length} of ${starts.length} images`);
    await sleep(300);
  }
}
