import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { writesBetween } from '../cluster/api-writes.ts';
import { eventually } from '../behaviour/eventually.ts';
import { labUnderTest } from '../behaviour/lab-under-test.ts';
import { product } from '../behaviour/product.ts';

const lab = await labUnderTest();
const namespace = 'former-status';
const env = { WATCH_NAMESPACES: namespace, KUBEFLEDGED_NAMESPACE: namespace };
const program = product({ kubeconfig: lab.kubeconfig, master: '', env });

/** Current names of status fields, and the former ones. */
const statusNames = { desired: 'wants', placements: 'placed', toRemove: 'unwanted' };
const nodeNames = { desiredHash: 'want', failedImages: 'failed' };

const record = z.record(z.string(), z.unknown());
const Status = z.looseObject({
  status: z.string(),
  nodes: z.record(z.string(), record),
  images: z.array(record),
  round: z.looseObject({ number: z.number() }),
});
type Status = z.infer<typeof Status>;

const renamed = (object: object, names: Readonly<Record<string, string>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [names[key] ?? key, value]));

/** The status as a version before the rename wrote it. */
const withFormerNames = ({ nodes, images, round, ...rest }: Status): object => ({
  ...renamed(rest, statusNames),
  nodes: Object.fromEntries(Object.entries(nodes).map(([name, entry]) => [name, renamed(entry, nodeNames)])),
  images: images.map((image) => ({ ...image, resolved: 'sha256:1', unresolved: 'x', doubted: true })),
  round: { ...round, pendingRemoval: { annotation: 'kubefledged.io/refresh-imagecache', value: '' } },
});

const inNamespace = (...args: readonly string[]): Promise<string> => lab.ask('-n', namespace, ...args);
const stored = async (): Promise<unknown> =>
  JSON.parse(await inNamespace('get', 'imagecache', 'web', '-o', 'jsonpath={.status}'));

/** Name and resourceVersion of each Job; the namespace controller's deletions elsewhere do not count. */
const storedJobs = (): Promise<string> =>
  inNamespace('get', 'jobs', '-o', 'jsonpath={range .items[*]}{.metadata.name} {.metadata.resourceVersion}\n{end}');

/** The status once a round has ended. */
const settled = (): Promise<Status> =>
  eventually('the round has ended', async () => {
    const status = Status.safeParse(await stored());
    return status.success && status.data.status === 'Succeeded' && status.data;
  });

describe('a status with the former field names', () => {
  let current: Status;
  let former: object;

  beforeAll(async () => {
    await lab.ask('create', 'namespace', namespace);
    await lab.apply({
      apiVersion: 'kubefledged.io/v1alpha2',
      kind: 'ImageCache',
      metadata: { name: 'web', namespace },
      spec: {
        cacheSpec: [{ images: ['registry.example/former:1'], nodeSelector: { 'kubernetes.io/hostname': 'sim-1' } }],
      },
    });
    await program.start();
    current = await settled();
    await program.stop();
    former = withFormerNames(current);
    const patch = JSON.stringify([{ op: 'replace', path: '/status', value: former }]);
    await inNamespace('patch', 'imagecache', 'web', '--subresource=status', '--type=json', '-p', patch);
  });

  afterAll(async () => {
    await program.stop().catch(() => -1);
    await inNamespace('delete', 'imagecache', 'web', '--ignore-not-found', '--wait=false');
    await lab.ask('delete', 'namespace', namespace, '--wait=false');
  });

  it('is stored without being pruned', async () => {
    expect(await stored()).toEqual(former);
  });

  it('is rewritten with the current names at the next start, without a Job or a round', async () => {
    const before = await lab.apiWrites();
    const jobs = await storedJobs();
    await program.start();
    const after = await eventually('it is rewritten', async () => {
      const status = Status.parse(await stored());
      return 'placements' in status && status;
    });
    await program.stop();
    const { by } = writesBetween(before, await lab.apiWrites());
    expect(Object.keys(by)).not.toContain('POST jobs');
    expect(await storedJobs()).toEqual(jobs);
    expect(after.nodes).toEqual(current.nodes);
    expect(after.round.number).toBe(current.round.number);
    expect(after).toMatchObject({ desired: current['desired'], placements: current['placements'] });
  });

  it('has no former field name after that', async () => {
    const text = JSON.stringify(await stored());
    const former = [...Object.values(statusNames), ...Object.values(nodeNames).filter((name) => name !== 'failed')];
    const names = [...former, 'todo', 'singly', 'ended', 'resolved', 'unresolved', 'doubted', 'pendingRemoval'];
    expect(names.filter((name) => text.includes(`"${name}":`))).toEqual([]);
  });
});
