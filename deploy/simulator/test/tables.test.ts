import { describe, expect, test } from 'vitest';
import { podReason } from '../api/kinds/pod.ts';
import { kubeObject } from '../api/kube-object.ts';
import { humanDuration, jsonPath } from '../api/tables.ts';

describe('a duration', () => {
  test.each([
    [0, '0s'],
    [119_000, '119s'],
    [125_000, '2m'],
    [3 * 3_600_000, '3h'],
    [49 * 3_600_000, '2d'],
    [800 * 86_400_000, '2y'],
  ])('%i ms is shown as %s', (ms, shown) => {
    expect(humanDuration(ms)).toBe(shown);
  });
});

describe('a JSONPath', () => {
  const object = {
    a: {
      'b.c': 1,
      list: [
        { type: 'Ready', status: 'True' },
        { type: 'Other', status: 'False' },
      ],
    },
  };

  test.each([
    ['.a', [object.a]],
    [".a['b.c']", [1]],
    ['.a.list[1].type', ['Other']],
    ['.a.list[*].status', ['True', 'False']],
    ['.a.list[?(@.type=="Ready")].status', ['True']],
    ['.a.none.deeper', []],
  ])('%s finds %j', (path, found) => {
    expect(jsonPath(object, path)).toEqual(found);
  });
});

describe('the status of a pod is shown as', () => {
  const waiting = (reason: string) => ({ state: { waiting: { reason } } });
  const ended = (exitCode: number, reason: string) => ({ state: { terminated: { exitCode, reason } } });

  test.each([
    { shown: 'Pending', status: { phase: 'Pending' } },
    { shown: 'ContainerCreating', status: { phase: 'Pending', containerStatuses: [waiting('ContainerCreating')] } },
    { shown: 'Init:ErrImagePull', status: { phase: 'Pending', initContainerStatuses: [waiting('ErrImagePull')] } },
    {
      shown: 'ErrImagePull',
      status: {
        phase: 'Pending',
        initContainerStatuses: [ended(0, 'Completed')],
        containerStatuses: [waiting('ErrImagePull'), ended(0, 'Completed')],
      },
    },
    { shown: 'Completed', status: { phase: 'Succeeded', containerStatuses: [ended(0, 'Completed')] } },
    { shown: 'Running', status: { phase: 'Running', containerStatuses: [ended(0, 'Completed')] } },
    { shown: 'Error', status: { phase: 'Failed', containerStatuses: [ended(0, 'Completed'), ended(1, 'Error')] } },
  ])('$shown', ({ shown, status }) => {
    expect(podReason(kubeObject({ metadata: {}, status }))).toBe(shown);
  });

  test('Terminating', () => {
    const metadata = { deletionTimestamp: '2026-01-01T00:00:00Z' };
    expect(podReason(kubeObject({ metadata, status: { phase: 'Running' } }))).toBe('Terminating');
  });
});
