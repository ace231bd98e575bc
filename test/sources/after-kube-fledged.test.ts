import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { Api, ApiCall } from '#runtime/api/api.ts';
import { ApiError } from '#runtime/errors.ts';
import { afterKubeFledged } from '../../sources/after-kube-fledged.ts';
import { startSources } from '../../sources/start-sources.ts';
import { inMemoryApi } from '../support/api/in-memory-api.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { imageCache } from './objects.ts';

type Left = {
  pods: readonly object[];
  readonly jobs?: readonly object[];
  readonly webhooks?: readonly string[];
  readonly refused?: RegExp;
};

const controllerPod = (image = 'docker.io/senthilrch/kubefledged-controller:v0.10.0', phase = 'Running'): object => ({
  metadata: { namespace: 'kube-fledged', name: 'controller-x' },
  spec: { containers: [{ image }] },
  status: { phase },
});

const job = (name: string, of: object = {}): object => ({
  metadata: {
    namespace: 'apps',
    name,
    uid: `uid-of-${name}`,
    ownerReferences: [{ apiVersion: 'kubefledged.io/v1alpha2', kind: 'ImageCache', controller: true }],
    ...of,
  },
});

/** A cluster with these leftovers of kube-fledged, which records its requests and the log. */
function cluster(left: Left) {
  const deleted: unknown[] = [];
  const lines: string[] = [];
  const answer = ({ method, path, body }: ApiCall): unknown => {
    if (left.refused?.test(path) === true) throw new ApiError(`${method} ${path}: 403`, { status: 403 });
    if (method === 'DELETE') return void deleted.push([path, body]);
    if (path.includes('/pods?')) return { items: left.pods };
    if (path.includes('/jobs?')) return { items: left.jobs ?? [] };
    if (path.includes('validatingwebhook')) {
      const webhook = { name: 'validate-image-cache.kubefledged.io' };
      return { items: (left.webhooks ?? []).map((name) => ({ metadata: { name }, webhooks: [webhook] })) };
    }
    return {};
  };
  const api: Api = { ...inMemoryApi(), request: (call) => Promise.resolve(call).then(answer) };
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
  return { api, log, deleted, said: () => lines.map((line) => /"msg":"([^"]*)"/.exec(line)?.[1]) };
}

const never = new AbortController().signal;

describe('a start on a cluster that ran kube-fledged', () => {
  it('logs nothing when nothing of kube-fledged is left', async () => {
    const { api, log, said, deleted } = cluster({ pods: [] });
    await afterKubeFledged({ api, log }, never);
    expect([said(), deleted]).toEqual([[], []]);
  });

  it('waits while its controller runs, logs this once, and continues when it is gone', async () => {
    const left: Left = { pods: [controllerPod()] };
    const { api, log, said } = cluster(left);
    const clock = fakeClock();
    let isOver = false;
    const waiting = afterKubeFledged({ api, log, clock }, never).then(() => (isOver = true));
    await clock.advance(25_000);
    expect(isOver).toBe(false);
    expect(said()).toEqual([expect.stringMatching(/^kube-fledged runs .*not ready until its controller is gone/)]);
    left.pods = [controllerPod(undefined, 'Succeeded')];
    await clock.advance(10_000);
    await waiting;
    expect(said()[1]).toBe('kube-fledged is gone');
  });

  it.each([
    [
      'its image, from a mirror, by digest',
      { image: `mirror.example:5000/x/kubefledged-controller@sha256:${'0'.repeat(64)}` },
      true,
    ],
    ['its program', { image: 'x:1', command: ['/opt/bin/kubefledged-controller'] }, true],
    ['its webhook server', { image: 'senthilrch/kubefledged-webhook-server:v0.10.0' }, false],
    ['ours', { image: 'ghcr.io/imagecache-functions/imagecache-functions:0.1.0' }, false],
  ])('recognizes the controller by %s', async (_, container, isController) => {
    const pod = { metadata: { namespace: 'n', name: 'p' }, spec: { containers: [container] } };
    const { api, log, said } = cluster({ pods: [pod] });
    const stopping = new AbortController();
    const clock = fakeClock();
    const waiting = afterKubeFledged({ api, log, clock }, stopping.signal);
    await clock.advance(1);
    expect(said().length > 0).toBe(isController);
    stopping.abort();
    await waiting;
  });

  it('logs the command that deletes its webhook', async () => {
    const { api, log, said } = cluster({ pods: [], webhooks: ['kf-webhook'] });
    await afterKubeFledged({ api, log }, never);
    expect(said()[0]).toContain('kubectl delete validatingwebhookconfiguration kf-webhook');
  });

  it('deletes its leftover Jobs by uid, and no Jobs of other owners', async () => {
    const ours = job('ours', { annotations: { 'kubefledged.io/cache': 'apps/web' } });
    const { api, log, deleted } = cluster({
      pods: [],
      jobs: [job('old'), ours, job('orphan', { ownerReferences: [] }), job('going', { deletionTimestamp: 'now' })],
    });
    await afterKubeFledged({ api, log }, never);
    expect(deleted).toEqual([
      [
        '/apis/batch/v1/namespaces/apps/jobs/old',
        { propagationPolicy: 'Background', preconditions: { uid: 'uid-of-old' } },
      ],
    ]);
  });

  it('does not delete Jobs when it only watches', async () => {
    const { api, log, deleted } = cluster({ pods: [], jobs: [job('old')] });
    await afterKubeFledged({ api, log, cleans: false }, never);
    expect(deleted).toEqual([]);
  });

  it('reads only what its permissions allow', async () => {
    const { api, log, said } = cluster({ pods: [], refused: /^\/api\/v1\/pods|^\/apis\/batch\/v1\/jobs|webhook/ });
    await afterKubeFledged({ api, log, namespaces: ['apps', 'kube-fledged'] }, never);
    expect(said()).toEqual(['cannot see whether a webhook of kube-fledged is left: no right to']);
  });

  it('logs what it may not read, and continues', async () => {
    const { api, log, said } = cluster({ pods: [], refused: /./ });
    await afterKubeFledged({ api, log }, never);
    expect(said()).toEqual([
      'cannot see whether kube-fledged runs',
      'cannot see whether a webhook of kube-fledged is left: no right to',
      'cannot delete the Jobs that kube-fledged left: no right to',
    ]);
  });
});

it('sources that wait to start are not synced, send no events and hold no Lease', async () => {
  const [api, clock] = [inMemoryApi(), fakeClock()];
  api.apply(imageCache());
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const sources = startSources({
    api,
    clock,
    log: pino({ level: 'silent' }),
    tickSchedule: '',
    sink: () => Promise.resolve(),
    mayBegin: () => promise,
    lease: { namespace: 'system', identity: 'one' },
  });
  await clock.advance(5_000);
  expect([sources.synced(), api.calls]).toEqual([false, []]);
  resolve(undefined);
  await clock.advance(0);
  await sources.whenSynced;
  expect([sources.synced(), sources.caches().size]).toEqual([true, 1]);
  await Promise.all([sources.stop(), clock.advance(0)]);
});
