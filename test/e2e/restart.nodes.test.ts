import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Lab } from '../cluster/lab.ts';
import { startOnNodes, type OnNodes } from './on-nodes.ts';
import { preparedLab, statusOnce } from './prepared-lab.ts';

const namespace = 'restarts';

let lab: Lab;
let product: OnNodes;
beforeAll(async () => {
  lab = await preparedLab(namespace);
});
beforeEach(async () => {
  product = await startOnNodes(lab, []);
});
afterEach(async () => {
  await product.stop();
});

type Status = {
  readonly status?: string;
  readonly nodesReady?: string;
  readonly nodes?: Readonly<
    Record<string, { readonly state: string; readonly id: string; readonly copiesNoop?: boolean }>
  >;
};

const parse = (cache: unknown): Status => (cache as { status?: Status }).status ?? {};

const statusWhen = (name: string, what: string, holds: (status: Status) => boolean): Promise<Status> =>
  statusOnce(lab, { namespace, name }, { what, holds, parse, seconds: 240 });

const apply = (name: string, images: readonly string[]): Promise<void> =>
  lab.apply({
    apiVersion: 'kubefledged.io/v1alpha2',
    kind: 'ImageCache',
    metadata: { name, namespace },
    spec: { cacheSpec: [{ images }] },
  });

const isDone = ({ status, nodesReady }: Status): boolean => status === 'Succeeded' && nodesReady === '2/2';

const isPulling = ({ nodes = {} }: Status): boolean => Object.values(nodes).some(({ state }) => state === 'Pulling');

const images = async (prefix: string, count: number): Promise<readonly string[]> => {
  const pushed: string[] = [];
  for (let index = 0; index < count; index += 1)
    pushed.push(await lab.pushImage({ name: `${prefix}-${index}:1`, bytes: 2_000_000 }));
  return pushed;
};

const areOnBoth = async (all: readonly string[]): Promise<void> => {
  for (const node of [1, 2]) expect(await lab.images(node)).toEqual(expect.arrayContaining([...all]));
};

describe('a round on real nodes resumes', () => {
  it('after a restart of the API server', async () => {
    const all = await images('api', 6);
    await apply('api', all);
    await statusWhen('api', 'it pulls', isPulling);
    await lab.killDaemon('kube-apiserver');
    await sleep(3000);
    await lab.repair();
    await statusWhen('api', 'all is there', isDone);
    await areOnBoth(all);
  });

  it('after a restart of the product, the control plane and both nodes', async () => {
    const all = await images('all', 6);
    await apply('all', all);
    await statusWhen('all', 'it pulls', isPulling);
    await product.kill();
    for (const daemon of ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'etcd'])
      await lab.killDaemon(daemon);
    await lab.killNode(1);
    await lab.killNode(2);
    await lab.repair();
    await lab.startNode(1);
    await lab.startNode(2);
    product = await startOnNodes(lab, []);
    await statusWhen('all', 'all is there', isDone);
    await areOnBoth(all);
  });
});

describe('a node that joins', () => {
  it('pulls the images of all caches that select it, as a new machine under the name of an earlier one', async () => {
    const all = await images('join', 2);
    await apply('join', all);
    const before = (await statusWhen('join', 'both have them', isDone)).nodes?.['node2']?.id;
    await lab.killNode(2);
    await lab.ask('delete', 'node', 'node2');
    await statusWhen('join', 'it is forgotten', ({ nodes = {} }) => !('node2' in nodes)).finally(() =>
      lab.startNode(2),
    );
    const { nodes } = await statusWhen('join', 'it is served', isDone);
    expect(nodes?.['node2']?.id).not.toBe(before);
    await areOnBoth(all);
  });
});

describe('with an admission policy against image volumes on one node, the product', () => {
  const name = 'no-image-volumes-on-node2';
  const rule = `!object.spec.volumes.exists(v, has(v.image)) || !object.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms.exists(t, t.matchFields.exists(f, 'node2' in f.values))`;

  it('mounts images on the other node, and starts a copied no-op in them on this one', async () => {
    await lab.apply({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name },
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: {
          resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
        },
        matchConditions: [
          { name: 'of-this-test', expression: `request.namespace == '${namespace}' && has(object.spec.volumes)` },
        ],
        validations: [{ expression: rule, message: 'no image volumes on node2' }],
      },
    });
    await lab.apply({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name },
      spec: { policyName: name, validationActions: ['Deny'] },
    });
    await sleep(3000); // an API server applies a policy within seconds
    const all = await images('mixed', 2);
    await apply('mixed', all);
    const { nodes } = await statusWhen('mixed', 'both have them', isDone);
    expect([nodes?.['node1']?.copiesNoop, nodes?.['node2']?.copiesNoop]).toEqual([undefined, true]);
    await areOnBoth(all);
    await lab.ask('delete', 'validatingadmissionpolicybinding', name);
    await lab.ask('delete', 'validatingadmissionpolicy', name);
  });
});
