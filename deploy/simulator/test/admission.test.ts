import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { at, listAt, textAt } from '../json.ts';
import { eventually, type TestSimulator, testSimulator } from '../testing.ts';

let cluster: TestSimulator;
beforeEach(async () => {
  cluster = await testSimulator({ nodes: 1 });
});
afterEach(() => cluster.stop());

const create = async (path: string, body: object): Promise<{ readonly status: number; readonly body: unknown }> =>
  cluster.ask({ method: 'POST', path, body });

const podSpec = { containers: [{ name: 'c', image: 'a:1' }] };
const pod = (spec: object = {}): object => ({ metadata: { name: 'p' }, spec: { ...podSpec, ...spec } });

test('a Pod gets the priority of the class that it names, and is refused if there is none', async () => {
  await create('/apis/scheduling.k8s.io/v1/priorityclasses', { metadata: { name: 'high' }, value: 1000 });
  const { body } = await create('/api/v1/namespaces/default/pods', pod({ priorityClassName: 'high' }));
  expect(at(body, 'spec', 'priority')).toBe(1000);
  const refused = await create('/api/v1/namespaces/default/pods', pod({ priorityClassName: 'none' }));
  expect(textAt(refused.body, 'message')).toBe('pods "p" is forbidden: no PriorityClass with name none was found');
});

describe('a namespace that enforces restricted Pod Security', () => {
  const enforce = 'pod-security.kubernetes.io/enforce';
  const pods = '/api/v1/namespaces/strict/pods';
  beforeEach(async () => {
    await create('/api/v1/namespaces', { metadata: { name: 'strict', labels: { [enforce]: 'restricted' } } });
    await eventually(
      () => cluster.ask({ method: 'GET', path: '/api/v1/namespaces/strict/serviceaccounts/default' }),
      ({ status }) => status === 200,
    );
  });

  test('refuses the Pods of a Job, not the Job, and an Event of the Job gives the reason', async () => {
    const job = { metadata: { name: 'j' }, spec: { template: { spec: { ...podSpec, restartPolicy: 'Never' } } } };
    expect(await create('/apis/batch/v1/namespaces/strict/jobs', job)).toMatchObject({ status: 201 });
    const events = await eventually(
      () => cluster.ask({ method: 'GET', path: '/api/v1/namespaces/strict/events' }),
      ({ body }) => listAt(body, 'items').some((event) => textAt(event, 'reason') === 'FailedCreate'),
    );
    expect(JSON.stringify(events.body)).toContain('is forbidden: violates PodSecurity \\"restricted:latest\\": allow');
  });

  const container = {
    name: 'c',
    image: 'a:1',
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
  };
  const securityContext = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } };
  const allowed = { securityContext, containers: [container] };
  const withContainer = (settings: object): object => ({
    ...allowed,
    containers: [{ ...container, securityContext: { ...container.securityContext, ...settings } }],
  });

  test.each([
    { violated: 'host namespaces', spec: { ...allowed, hostNetwork: true } },
    { violated: 'hostPort', spec: { ...allowed, containers: [{ ...container, ports: [{ hostPort: 80 }] }] } },
    { violated: 'privileged', spec: withContainer({ privileged: true }) },
    { violated: 'allowPrivilegeEscalation != false', spec: withContainer({ allowPrivilegeEscalation: true }) },
    { violated: 'unrestricted capabilities', spec: withContainer({ capabilities: { drop: ['CHOWN'] } }) },
    { violated: 'restricted volume types', spec: { ...allowed, volumes: [{ name: 'h', hostPath: { path: '/' } }] } },
    { violated: 'runAsNonRoot != true', spec: withContainer({ runAsNonRoot: false }) },
    { violated: 'runAsUser=0', spec: withContainer({ runAsUser: 0 }) },
    { violated: 'seccompProfile', spec: withContainer({ seccompProfile: { type: 'Unconfined' } }) },
  ])('refuses a Pod for $violated alone', async ({ violated, spec }) => {
    expect(await create(pods, pod(allowed))).toMatchObject({ status: 201 });
    const { status, body } = await create(`${pods}?dryRun=All`, pod(spec));
    expect(status).toBe(403);
    expect(textAt(body, 'message')).toBe(
      `pods "p" is forbidden: violates PodSecurity "restricted:latest": ${violated}`,
    );
  });

  test('is one of two levels: the others are not implemented', async () => {
    const labels = { [enforce]: 'baseline' };
    expect(await create('/api/v1/namespaces', { metadata: { name: 'b', labels } })).toMatchObject({ status: 501 });
  });
});
