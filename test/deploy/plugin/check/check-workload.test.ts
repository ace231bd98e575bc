import { expect, it } from 'vitest';
import { checkLines, summaryLine } from '../../../../deploy/plugin/check/check-lines.ts';
import { checkWorkload } from '../../../../deploy/plugin/check/check-workload.ts';
import { cacheWith, nodeWith, noon, podOf, secrets } from './situation.ts';

const [app, init] = ['docker.io/library/app:1', 'docker.io/library/init:1'];
const full = nodeWith({ name: 'node-2', images: [app, init] });
const half = nodeWith({ name: 'node-10', images: [app] });
const away = nodeWith({ name: 'node-3', isReady: false });
const nodes = [half, full, away];
const pod = podOf({ containers: [{ name: 'app', image: 'app:1' }], initContainers: [{ name: 'init', image: init }] });
const records = [
  cacheWith({ images: [app, init], nodes: [full] }),
  cacheWith({ name: 'b', images: [app], nodes: [half] }),
];
const circumstances = { nodes, records, hasAllCaches: true, now: noon, pullSecrets: secrets() };

it('a Pod that may be scheduled to several nodes starts if it starts on each of them', () => {
  const check = checkWorkload(pod, circumstances);
  expect(check).toMatchObject({ verdict: 'fails', pullSecrets: [] });
  expect(check.nodes.map(({ name, verdict }) => `${name} ${verdict}`)).toEqual(['node-10 fails', 'node-2 starts']);
  expect(check.excludedNodes).toEqual([{ name: 'node-3', reason: 'the node is not ready' }]);
  expect(checkWorkload(pod, { ...circumstances, nodes: [full] }).verdict).toBe('starts');
});

it('what is unproven is worse than what starts, and better than what fails', () => {
  const alone = podOf({ containers: [{ name: 'app', image: app }] });
  expect(checkWorkload(alone, { ...circumstances, records: records.slice(0, 1) }).verdict).toBe('unproven');
  expect(checkWorkload(pod, { ...circumstances, records: [] }).verdict).toBe('fails');
});

it('an ephemeral container does not decide whether the Pod starts', () => {
  const debugged = podOf({
    containers: [{ name: 'app', image: app }],
    ephemeralContainers: [{ name: 'debug', image: 'busybox:1' }],
  });
  const check = checkWorkload(debugged, { ...circumstances, nodes: [full] });
  expect(check.verdict).toBe('starts');
  expect(check.nodes[0]?.images.map(({ verdict }) => verdict)).toEqual(['starts', 'fails']);
});

it.each([
  { of: [], message: 'the cluster has no nodes' },
  { of: [away], message: 'not scheduled to node-3: the node is not ready' },
  {
    of: [nodeWith({ name: 'node-4', isReady: false }), away],
    message: 'no node that the Pods can be scheduled to; node-3: the node is not ready',
  },
])('without a node it fails: $message', ({ of, message }) => {
  expect(checkWorkload(pod, { ...circumstances, nodes: of })).toMatchObject({ verdict: 'fails', message, nodes: [] });
});

it('as text it has the images, each reason once, and with -o wide the other nodes', () => {
  const check = checkWorkload(pod, circumstances);
  const view = { colour: (_: unknown, text: string) => text, isWide: true, width: 80 };
  expect([...checkLines(check, view), '', summaryLine([check])].join('\n'))
    .toBe(`pod/web in default: fails, starts on 1 of 2 nodes

NODES   VERDICT   ACCESS   NAME                    IMAGE
  1/2   fails     Anyone   init (init container)   docker.io/library/init:1
  2/2   starts    Anyone   app                     app:1 (cached as docker.io/library/app:1)

init: docker.io/library/init:1 on node-10
  fails: it is not on the node: the cache default/web lists it, but not for this
  node

NOT ON NODE   BECAUSE
node-3        the node is not ready

0 of 1 would start without the registry, 1 would not.`);
});
