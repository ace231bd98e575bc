import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { decide } from '#model/decide.ts';
import { nodeReader, parseNode } from '#model/node/parse-node.ts';
import { parsePod, podReader } from '#model/job/parse-pod.ts';
import { cache, modernNode, node, observed, spec, list, world } from '../builders.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Bytes of live objects. */
function heapUsed(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** Equal is tested elsewhere; here it is that what is told by thousands is held once. */
describe('what many tell alike', () => {
  const podOn = (name: string, message: string) => ({
    metadata: { name, uid: name },
    status: {
      containerStatuses: [
        { name: 'image-0', imageID: '', state: { waiting: { reason: 'ErrImagePull', message } } },
        { name: 'image-1', imageID: 'r@sha256:1', state: { running: { startedAt: `of ${name}` } } },
      ],
    },
  });

  it('is one container of all Pods', () => {
    const read = podReader();
    const [one, other] = [read(podOn('a', 'gone')), read(podOn('b', 'gone'))];
    expect(other.containers[0]).toBe(one.containers[0]);
    expect(other.containers[1]).toBe(one.containers[1]);
  });

  it('is another container where another reason is reported', () => {
    const read = podReader();
    const pods = [podOn('a', 'gone'), podOn('b', 'refused')];
    expect(pods.map(read)).toEqual(pods.map(parsePod));
  });

  it('is one list of digests of all nodes', () => {
    const read = nodeReader();
    const images = [{ names: ['app@sha256:1', 'app:1'] }];
    const [one, other] = ['a', 'b'].map((name) => read({ metadata: { name, uid: name }, status: { images } }));
    const tag = 'docker.io/library/app:1';
    expect(one?.digests.get(tag)).toEqual(new Set(['sha256:1']));
    expect(other?.digests.get(tag)).toBe(one?.digests.get(tag));
  });

  it('is one Node until it changes', () => {
    const read = nodeReader();
    const node = (uid: string, resourceVersion?: string): unknown => ({
      metadata: { name: 'n', uid, resourceVersion },
    });
    const first = read(node('u', '1'));
    expect(read(node('u', '1'))).toBe(first);
    expect(read(node('v', '1'))).not.toBe(first);
    expect(read(node('u', '2'))).not.toBe(first);
    expect(read(node('w'))).not.toBe(read(node('w')));
  });

  it('is indexed for one node at a time, and nothing else of a Node as it was received is kept', () => {
    const read = nodeReader();
    const listing = (index: number): unknown => ({
      metadata: { name: `node-${index}`, uid: `uid-${index}`, managedFields: [`${'x'.repeat(20_000)}${index}`] },
      status: {
        images: Array.from({ length: 50 }, (_, image) => ({
          names: [`app-${image}@sha256:${image}`, `app-${image}:1`],
        })),
      },
    });
    const [one, other] = [read(listing(0)), read(listing(1))];
    const first = one.images;
    expect(one.images).toBe(first);
    expect(other.images).toEqual(first);
    expect(one.images).not.toBe(first);
    const before = heapUsed();
    const nodes = Array.from({ length: 500 }, (_, index) => read(JSON.parse(JSON.stringify(listing(index)))));
    expect((heapUsed() - before) / nodes.length).toBeLessThan(5_000);
    expect(nodes.every((node) => node.images.has('docker.io/library/app-49:1'))).toBe(true);
  });

  it('is another list where a node lists other names', () => {
    const read = nodeReader();
    const nodes = [['app@sha256:1', 'app:1'], ['app@sha256:1'], ['app@sha256:1 app:1']].map((names, index) => ({
      metadata: { name: 'n', uid: `u${index}` },
      status: { images: [{ names }] },
    }));
    expect(nodes.map(read)).toEqual(nodes.map(parseNode));
  });

  it('is not remembered for ever: a cluster may know any number of images', () => {
    const read = nodeReader();
    const listing = (name: string) =>
      read({ metadata: { name: 'n', uid: 'u' }, status: { images: [{ names: [`${name}@sha256:1`, `${name}:1`] }] } });
    const digests = (name: string) => listing(name).digests.get(`docker.io/library/${name}:1`);
    const first = digests('app');
    for (let other = 0; other < 5_000; other += 1) listing(`other-${other}`);
    expect(digests('app')).toEqual(first);
    expect(digests('app')).not.toBe(first);
  });

  it('is one list of containers of all Jobs that pull the same in the same way', () => {
    const nodeList = [node(), node({ name: 'node-2', id: 'id-2' }), modernNode({ name: 'node-3', id: 'id-3' })];
    const live = cache({ spec: spec({ lists: [list(['app:1', 'base:2'])] }) });
    const pods = decide(world({ before: live, observed: observed({ nodeList, hasAllNodes: true }) })).createJobs.map(
      ({ spec: job }) => job?.template.spec,
    );
    expect(pods).toHaveLength(3);
    expect(pods[1]?.containers).toBe(pods[0]?.containers);
    expect(pods.map((pod) => pod?.initContainers?.length)).toEqual([1, 1, undefined]);
  });
});
