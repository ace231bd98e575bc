import { describe, expect, test } from 'vitest';
import { kubeObject } from '../api/kube-object.ts';
import { imageOf } from '../controllers/image-store.ts';
import { misfit } from '../controllers/scheduler.ts';
import { phaseOf } from '../controllers/pod-status.ts';

describe('an image reference', () => {
  const digest = `sha256:${'a'.repeat(64)}`;

  test.each([
    ['nginx', 'docker.io/library/nginx:latest'],
    ['nginx:1.27', 'docker.io/library/nginx:1.27'],
    ['team/app:v1', 'docker.io/team/app:v1'],
    ['localhost/app', 'localhost/app:latest'],
    ['reg.example.com:5000/a/b:c', 'reg.example.com:5000/a/b:c'],
    [`nginx:1.27@${digest}`, `docker.io/library/nginx@${digest}`],
    ['has space', undefined],
    ['Upper', undefined],
    ['a:', undefined],
    ['http://x/y', undefined],
  ])('%s is named %s by the runtime', (reference, name) => {
    expect(imageOf(reference)?.name).toBe(name);
  });

  test('with a digest has that content, else always the same', () => {
    expect(imageOf(`nginx@${digest}`)?.digest).toBe(digest);
    expect(imageOf('nginx:1')).toEqual(imageOf('docker.io/library/nginx:1'));
  });
});

describe('a node', () => {
  const node = (spec: object = {}) =>
    kubeObject({ metadata: { name: 'one', labels: { pool: 'web' } }, spec, status: { allocatable: { pods: '110' } } });
  const affinity = (term: object) => ({
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } } },
  });
  const byName = (name: string) =>
    affinity({ matchFields: [{ key: 'metadata.name', operator: 'In', values: [name] }] });
  const taint = { taints: [{ key: 'a', value: 'b', effect: 'NoSchedule' }] };

  test.each([
    { when: 'nothing is asked for', pod: {}, on: node(), fits: true },
    { when: 'it is named', pod: byName('one'), on: node(), fits: true },
    { when: 'another is named', pod: byName('two'), on: node(), fits: false },
    { when: 'its label is selected', pod: { nodeSelector: { pool: 'web' } }, on: node(), fits: true },
    { when: 'another label is selected', pod: { nodeSelector: { pool: 'db' } }, on: node(), fits: false },
    {
      when: 'its label is wanted by affinity',
      pod: affinity({ matchExpressions: [{ key: 'pool', operator: 'Exists' }] }),
      on: node(),
      fits: true,
    },
    { when: 'it is cordoned', pod: {}, on: node({ unschedulable: true }), fits: false },
    {
      when: 'it is cordoned and that is tolerated',
      pod: { tolerations: [{ operator: 'Exists' }] },
      on: node({ unschedulable: true }),
      fits: true,
    },
    { when: 'it is tainted', pod: {}, on: node(taint), fits: false },
    { when: 'its taint is tolerated', pod: { tolerations: [{ key: 'a', value: 'b' }] }, on: node(taint), fits: true },
    {
      when: 'its taint is tolerated with another value',
      pod: { tolerations: [{ key: 'a', value: 'c' }] },
      on: node(taint),
      fits: false,
    },
    {
      when: 'its kubelet has not told what it has',
      pod: {},
      on: kubeObject({ metadata: { name: 'one' } }),
      fits: false,
    },
  ])('takes a pod where $when: $fits', ({ pod, on, fits }) => {
    expect(misfit(kubeObject({ metadata: {}, spec: pod }), on) === undefined).toBe(fits);
  });
});

describe('the phase of a pod', () => {
  const waits = { is: 'waiting', reason: 'ErrImagePull' } as const;
  const runs = { is: 'running', since: '' } as const;
  const ended = (exitCode: number) => ({ is: 'ended', exitCode, reason: '', from: '', to: '' }) as const;

  test.each([
    [[waits, ended(0)], 'Pending'],
    [[runs, ended(0)], 'Running'],
    [[ended(0), ended(0)], 'Succeeded'],
    [[ended(0), ended(137)], 'Failed'],
  ])('of %j is %s', (states, phase) => {
    expect(phaseOf(states)).toBe(phase);
  });
});
