import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testSimulator, type TestSimulator } from '@imagecache-functions/simulator/testing';
import { forbiddenJobs, forbiddenMounts, type StoredJob } from '../helm/forbidden-jobs.ts';
import { policyIn } from './evaluate.ts';
import { pullVariants, removalVariants } from './variants.ts';

const file = join(import.meta.dirname, '../../../deploy/policy/admission-policy.yaml');
const broken = policyIn(file, 'imagecache-functions-jobs');

let simulator: TestSimulator;
beforeAll(async () => {
  simulator = await testSimulator();
  for (const name of ['apps', 'kube-fledged']) await created('/api/v1/namespaces', { metadata: { name } });
});
afterAll(() => simulator.stop());

/** The object as an API server stores it, with its defaults. */
const created = async (path: string, body: object): Promise<unknown> => {
  const answer = await simulator.ask({ method: 'POST', path, body });
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
  return answer.body;
};

const stored = (job: StoredJob): Promise<unknown> =>
  created(`/apis/batch/v1/namespaces/${job.metadata.namespace}/jobs?dryRun=All`, job);

describe('the policy for Jobs', () => {
  it.each(pullVariants)('allows a Job that %s', async (_, job) => {
    expect(broken(await stored(job))).toEqual([]);
  });

  it.each(removalVariants)('allows a Job that removes with %s', async (_, job) => {
    expect(broken(await stored(job))).toEqual([]);
  });

  it('knows a Job for each way to open images, and removals of all kinds', () => {
    const names = pullVariants.map(([name]) => name);
    expect(names.filter((name) => name.endsWith('with nothing'))).toHaveLength(4);
    expect(names.length + removalVariants.length).toBeGreaterThan(150);
  });

  // The simulator has no Jobs of several Pods.
  const forbidden = [...Object.values(forbiddenJobs).flat(), ...forbiddenMounts].filter(
    ([name]) => name !== 'with ten Pods',
  );
  it.each(forbidden)('denies a Job %s', async (_, job, words) => {
    expect(broken(await stored(job)).join('\n')).toContain(words);
  });
});
