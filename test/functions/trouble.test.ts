import { describe, expect, it } from 'vitest';
import type { Condition } from '#model/cache/image-cache.ts';
import { troubleText, unreachableHosts } from '#model/report/pull-report.ts';
import type { Ledger } from '#model/cache/ledger.ts';
import { nodeCounts } from '#model/desired/node-counts.ts';
import { jobComplete } from '../../functions/job-complete.ts';
import { noon } from './model/builders.ts';
import { refusal } from '../support/api/in-memory-api.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import {
  aCache,
  aNode,
  aPod,
  changed,
  completed,
  eventsPath,
  nodeNamed,
  nodePath,
  scene,
  tick,
  type Scene,
} from './scene.ts';

const unreachable =
  'failed to pull and unpack image "registry.local:5000/big:1": failed to do request: Head "https://registry.local:5000/v2/big/manifests/1": dial tcp 10.0.0.9:5000: connect: connection refused';

const waitingFor = (reason: string, message: string, ...indexes: readonly number[]): object => ({
  phase: 'Pending',
  containerStatuses: indexes.map((index) => ({ name: `image-${index}`, state: { waiting: { reason, message } } })),
});

const images = ['registry.local:5000/big:1', 'registry.local:5000/small:1'];

/** A first round on these nodes whose Jobs exist. */
async function opened(...names: readonly string[]): Promise<Scene> {
  const on = scene();
  on.cache({ cacheSpec: [{ images }] });
  on.nodes(...names);
  await reconcile(changed(aCache, { verb: 'add' }), on.context);
  return on;
}

const startTimes = new WeakMap<Scene, Map<string, string>>();

/** The kubelets of all Jobs report this; each Pod started when it was first reported on. */
async function report(on: Scene, status: object): Promise<void> {
  const started = startTimes.get(on) ?? new Map<string, string>();
  startTimes.set(on, started);
  for (const job of on.jobs()) {
    const startTime = started.get(job) ?? new Date(on.context.now()).toISOString();
    started.set(job, startTime);
    await jobComplete(changed(aPod(on.pod(job, { ...status, startTime }))), on.context);
  }
}

const conditionOf = (on: Scene, type: Condition['type']): Condition | undefined =>
  on.live().status.conditions.find((each) => each.type === type);

const statusWrites = (on: Scene): number => on.api.bodies('PATCH', '/status').length;

const warnings = (on: Scene): readonly unknown[] =>
  (on.api.list(eventsPath) as unknown as readonly Readonly<Record<string, unknown>>[]).filter(
    ({ type }) => type === 'Warning',
  );

describe('trouble shows while it lasts', () => {
  it('a node whose pulls fail counts as failing at once, with the registry that cannot be reached, once, and until when', async () => {
    const on = await opened('node-1', 'node-2');
    await report(on, waitingFor('ErrImagePull', unreachable, 0, 1));
    const { status } = on.live();
    expect(nodeCounts(status.nodes)).toMatchObject({ desired: 2, ready: 0, pulling: 2, failing: 2, failed: 0 });
    expect(status.status).toBe('Processing');
    expect(status.message).toBe(
      'Images are being pulled on to the nodes. 2 of 2 nodes cannot pull so far because registry.local:5000 cannot be reached; tried again until 2026-11-24T12:10:00Z. Please see "failures" section',
    );
    expect(conditionOf(on, 'Ready')).toMatchObject({ status: 'False', reason: 'PullFailing' });
    expect(conditionOf(on, 'Failing')).toMatchObject({ status: 'True', reason: 'RegistryUnreachable' });
    expect(conditionOf(on, 'Stalled')).toMatchObject({ status: 'False' });
  });

  it('says how many are tried again, once others are not', async () => {
    const on = await opened('node-1', 'node-2');
    await report(on, waitingFor('ErrImagePull', unreachable, 0, 1));
    const { status } = on.live();
    const { 'node-1': entry } = status.nodes;
    if (entry === undefined) throw new Error('node-1 has no entry');
    const nodes: Ledger = {
      ...status.nodes,
      'node-1': { ...entry, state: 'Failed', images: 'f', failingUntil: undefined },
    };
    expect(troubleText({ ...status, nodes })).toMatch(
      /^2 of 2 nodes cannot pull so far because registry\.local:5000 cannot be reached; 1 of them is tried again until /,
    );
  });

  it('says that Pods are refused', async () => {
    const on = await opened('node-1');
    await report(on, waitingFor('ErrImagePull', unreachable, 0, 1));
    const { status } = on.live();
    const refused = { node: 'node-1', reason: 'FailedCreate', message: 'exceeded quota' };
    expect(troubleText({ ...status, failures: { 'app:1': [refused] } })).toMatch(
      /^1 of 1 node cannot pull so far because Pods cannot be created; tried again until /,
    );
  });

  it('names no registry for an image that it does not have', async () => {
    const on = await opened('node-1');
    await report(on, waitingFor('ErrImagePull', 'registry.local:5000/big:1: i do not know it', 0));
    expect(on.live().status.message).toMatch(/ 1 of 1 node cannot pull so far; tried again until /);
    expect(conditionOf(on, 'Failing')).toMatchObject({ reason: 'PullFailed' });
  });

  it('is over once the pulls succeed, and kube-fledged words end the round', async () => {
    const on = await opened('node-1');
    await report(on, waitingFor('ErrImagePull', unreachable, 0, 1));
    on.wait(30_000);
    await report(on, completed(0, 1));
    expect(on.live().status).toMatchObject({
      status: 'Succeeded',
      message: 'All requested images pulled succesfully to respective nodes',
      failures: {},
    });
    expect(conditionOf(on, 'Failing')).toBeUndefined();
  });

  it('lasts across refreshes: the condition Failing is True since the first failure', async () => {
    const on = await opened('node-1');
    await report(on, waitingFor('ErrImagePull', unreachable, 0, 1));
    for (let minute = 0; minute < 40; minute += 1) {
      on.wait(60_000);
      await report(on, waitingFor('ImagePullBackOff', unreachable, 0, 1));
      await refresh(tick, on.context);
      expect(conditionOf(on, 'Failing')).toMatchObject({
        status: 'True',
        lastTransitionTime: Date.UTC(2026, 10, 24, 12),
      });
    }
    expect(on.live().status.round?.number).toBeGreaterThan(1);
    expect(on.live().status.message).toContain('registry.local:5000 cannot be reached');
  });

  it('is an Event after the first minute, once', async () => {
    const on = await opened('node-1');
    await report(on, waitingFor('ErrImagePull', unreachable, 0, 1));
    await refresh(tick, on.context);
    expect(warnings(on)).toEqual([]);
    for (let minute = 0; minute < 3; minute += 1) {
      on.wait(60_000);
      await refresh(tick, on.context);
    }
    expect(warnings(on)).toMatchObject([
      {
        reason: 'RegistryUnreachable',
        message: expect.stringContaining('registry.local:5000 cannot be reached') as string,
      },
    ]);
  });

  it('costs no write of the status more than the failures themselves do, however often the kubelet tries', async () => {
    const on = await opened('node-1', 'node-2', 'node-3');
    const before = statusWrites(on);
    const failing = waitingFor('ErrImagePull', unreachable, 0, 1);
    const pods = on.jobs().map((job) => on.pod(job, failing));
    const [first = '', ...others] = pods;
    const all = changed(aPod(first), { more: others.map(aPod) });
    await jobComplete(all, on.context);
    expect(statusWrites(on) - before).toBe(1);
    const backOff = 'Back-off pulling image "registry.local:5000/big:1"';
    for (let turn = 0; turn < 10; turn += 1) {
      on.wait(10_000);
      const says = turn % 2 === 0 ? waitingFor('ImagePullBackOff', backOff, 0, 1) : failing;
      for (const job of on.jobs()) on.pod(job, { ...says, startTime: new Date(noon).toISOString() });
      await jobComplete(all, on.context);
    }
    await refresh(tick, on.context);
    expect(statusWrites(on) - before).toBe(1);
  });
});

describe('a registry that cannot be reached', () => {
  const failure = (message: string) => [{ node: 'n', reason: 'ErrImagePull', message }];
  it.each([
    [unreachable, ['registry.local:5000']],
    [
      'Head "https://mirror.example/v2/x": dial tcp: lookup mirror.example: no such host',
      ['mirror.example for registry.local:5000'],
    ],
    ['pinging container registry r.example: i/o timeout', ['registry.local:5000']],
    ['failed to do request: Head "https://r.example/v2/": x509: certificate signed by unknown authority', []],
    ['unexpected status: 401 Unauthorized', []],
    ['not found', []],
  ])('is told from its answers: %s', (message, hosts) => {
    expect(unreachableHosts({ 'registry.local:5000/big:1': failure(message) })).toEqual(hosts);
  });

  it('is named once, however many images and nodes it concerns', () => {
    expect(
      unreachableHosts({ a: [...failure(unreachable), ...failure(unreachable)], b: failure(unreachable) }),
    ).toEqual(['registry.local:5000 for docker.io']);
  });

  it('is named by its own host where that is one of the registry', () => {
    const message = 'Head "https://registry-1.docker.io/v2/library/a/manifests/1": dial tcp: i/o timeout';
    expect(unreachableHosts({ a: failure(message) })).toEqual(['registry-1.docker.io']);
  });
});

describe('a node that is lost after a round', () => {
  it('counts as skipped until it is back, and is not pulled again', async () => {
    const on = await opened('node-1', 'node-2');
    await report(on, completed(0, 1));
    const become = async (status: string): Promise<void> => {
      const ready = (nodeNamed('node-2') as { status: object }).status;
      on.api.put(
        nodePath('node-2'),
        nodeNamed('node-2', { status: { ...ready, conditions: [{ type: 'Ready', status }] } }),
      );
      await reconcile(changed(aNode('node-2')), on.context);
    };
    await become('Unknown');
    expect(nodeCounts(on.live().status.nodes)).toMatchObject({ desired: 1, ready: 1, skipped: 1 });
    expect(on.live().status).toMatchObject({ status: 'Succeeded', nodes: { 'node-2': { reason: 'NotReady' } } });
    await become('True');
    expect(nodeCounts(on.live().status.nodes)).toMatchObject({ desired: 2, ready: 2, skipped: 0 });
    expect(on.jobs()).toEqual([]);
  });

  it('leaves a cache that is not Ready if no other node is left', async () => {
    const on = await opened('node-1');
    await report(on, completed(0, 1));
    on.api.put(
      nodePath('node-1'),
      nodeNamed('node-1', { status: { conditions: [], nodeInfo: { operatingSystem: 'linux' } } }),
    );
    await reconcile(changed(aNode('node-1')), on.context);
    expect(conditionOf(on, 'Ready')).toMatchObject({ status: 'False', reason: 'NodesSkipped' });
    expect(on.live().status.message).toContain('1 NotReady');
  });
});

describe('a quota that admits some of the Jobs', () => {
  const quota = refusal(403, 'Forbidden', 'jobs.batch is forbidden: exceeded quota: q');
  it('is reported in one message and one time until all Jobs are made', async () => {
    const on = scene();
    on.cache({ cacheSpec: [{ images }] });
    on.nodes('node-1', 'node-2', 'node-3');
    const seen = new Set<string>();
    const look = async (): Promise<void> => {
      await reconcile(changed(aCache), on.context).catch(() => undefined);
      const reconciling = conditionOf(on, 'Reconciling');
      seen.add(`${on.live().status.message} ${reconciling?.reason ?? ''} ${reconciling?.lastTransitionTime ?? 0}`);
    };
    on.api.refuse(/^POST .*jobs/, quota, 1);
    await look();
    for (let turn = 0; turn < 5; turn += 1) {
      on.wait(10_000);
      on.api.refuse(/^POST .*jobs/, quota, 1);
      await look();
    }
    expect([...seen]).toHaveLength(1);
    expect([...seen][0]).toMatch(/^Jobs cannot be created now, and are retried: .*exceeded quota: q JobsRefused/);
    on.wait(10_000);
    await look();
    await look();
    expect(on.jobs()).toHaveLength(3);
    expect(on.live().status.message).toBe(
      'Images are being pulled on to the nodes. Please view the status after some time',
    );
    expect(conditionOf(on, 'Reconciling')).toMatchObject({ reason: 'RoundOpen' });
  });
});
