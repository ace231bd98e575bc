import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { at, listAt, textAt } from '../../../deploy/simulator/json.ts';
import { eventually } from './eventually.ts';
import { type TestSimulator, testSimulator } from './test-simulator.ts';

let cluster: TestSimulator;
beforeEach(async () => {
  cluster = await testSimulator({ nodes: 1 });
});
afterEach(() => cluster.stop());

const make = async (path: string, body: object): Promise<{ readonly status: number; readonly body: unknown }> =>
  cluster.ask({ method: 'POST', path, body });

const pod = (name: string, spec: object = {}): object => ({
  metadata: { name },
  spec: { containers: [{ name: 'c', image: 'a:1' }], ...spec },
});

const namespace = async (name: string, labels: object): Promise<void> => {
  await make('/api/v1/namespaces', { metadata: { name, labels } });
  await eventually(
    () => cluster.ask({ method: 'GET', path: `/api/v1/namespaces/${name}/serviceaccounts/default` }),
    ({ status }) => status === 200,
  );
};

describe('priority classes', () => {
  const classes = '/apis/scheduling.k8s.io/v1/priorityclasses';
  const priorityClass = (name: string, fields: object): object => ({ metadata: { name }, ...fields });

  test('one of them is that of pods which name none, and no second one can be', async () => {
    await make(classes, priorityClass('usual', { value: 5, globalDefault: true, preemptionPolicy: 'Never' }));
    const { body } = await make('/api/v1/namespaces/default/pods', pod('p'));
    expect(at(body, 'spec')).toMatchObject({ priorityClassName: 'usual', priority: 5, preemptionPolicy: 'Never' });
    const again = await make(classes, priorityClass('other', { value: 5, globalDefault: true }));
    expect(textAt(again.body, 'message')).toBe(
      'priorityclasses.scheduling.k8s.io "other" is forbidden: PriorityClass usual is already marked as default. Only one default can exist',
    );
  });

  test('the ones of the system are there, and pods that name one get its value', async () => {
    const { body } = await make(
      '/api/v1/namespaces/default/pods',
      pod('p', { priorityClassName: 'system-node-critical' }),
    );
    expect(at(body, 'spec', 'priority')).toBe(2_000_001_000);
  });
});

describe('pod security', () => {
  const enforce = 'pod-security.kubernetes.io/enforce';

  test('refuses the Pods of a Job, not the Job, and an Event of the Job tells why', async () => {
    await namespace('strict', { [enforce]: 'restricted' });
    const job = { metadata: { name: 'j' }, spec: { template: { spec: { ...podSpec, restartPolicy: 'Never' } } } };
    expect(await make('/apis/batch/v1/namespaces/strict/jobs', job)).toMatchObject({ status: 201 });
    const told = await eventually(
      () => cluster.ask({ method: 'GET', path: '/api/v1/namespaces/strict/events' }),
      ({ body }) => listAt(body, 'items').some((event) => textAt(event, 'reason') === 'FailedCreate'),
    );
    expect(JSON.stringify(told.body)).toContain('is forbidden: violates PodSecurity \\"restricted:latest\\": allow');
  });

  test('refuses to judge what it does not know', async () => {
    await namespace('strict', { [enforce]: 'baseline' });
    const spec = { securityContext: { seLinuxOptions: { type: 'container_t' } } };
    expect(await make('/api/v1/namespaces/strict/pods', pod('p', spec))).toMatchObject({ status: 501 });
    expect(await make('/api/v1/namespaces/strict/pods', pod('p'))).toMatchObject({ status: 201 });
    const labels = { [enforce]: 'baseline', [`${enforce}-version`]: 'v1.25' };
    expect(await make('/api/v1/namespaces', { metadata: { name: 'old', labels } })).toMatchObject({ status: 501 });
  });
});

const podSpec = { containers: [{ name: 'c', image: 'a:1' }] };
