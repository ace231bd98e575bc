import { describe, expect, it } from 'vitest';
import { createCluster } from '#runtime/cluster/cluster.ts';
import { jobViews } from '#runtime/drive/job-views.ts';
import { inMemoryApi } from '../../../support/api/in-memory-api.ts';
import { noon } from '../../model/builders.ts';
import { jobsPath, scene } from '../../scene.ts';

const uid = 'one';
const selector = `kubefledged.io/cache-uid=${uid}`;

/** So many old Jobs without a Pod, of which the first has failed, and what is asked to find that out. */
async function seen(count: number) {
  const api = inMemoryApi({ now: () => noon });
  const asked: string[] = [];
  const cluster = createCluster({
    ...api,
    request: async (call) => {
      asked.push(`${call.method} ${call.path.replace(/\?.*/, '')}`);
      return api.request(call);
    },
  });
  for (let index = 0; index < count; index += 1)
    api.put(`${jobsPath}/job-${index}`, {
      metadata: {
        name: `job-${index}`,
        namespace: 'apps',
        uid: `uid-${index}`,
        creationTimestamp: '2026-11-24T11:00:00Z',
        labels: { 'kubefledged.io/cache-uid': uid, 'app.kubernetes.io/managed-by': 'imagecache-functions' },
      },
      status: { conditions: index === 0 ? [{ type: 'Failed', status: 'True' }] : [] },
    });
  const jobs = await cluster.jobs('apps', selector);
  asked.length = 0;
  const views = await jobViews(jobs, [], { ...scene().context, cluster });
  return { outcomes: [...views.values()].map(({ job }) => job?.outcome), asked };
}

describe('Jobs without a Pod', () => {
  it.each([
    { count: 3, reads: 3, lists: 0 },
    { count: 300, reads: 0, lists: 6 },
  ])('are read one by one when few, and listed when many: $count', async ({ count, reads, lists }) => {
    const { outcomes, asked } = await seen(count);
    expect(outcomes[0]).toBe('Failed');
    expect(outcomes).toHaveLength(count);
    expect(asked.filter((call) => call.startsWith(`GET ${jobsPath}/`))).toHaveLength(reads);
    expect(asked.filter((call) => call === `GET ${jobsPath}`)).toHaveLength(lists);
    expect(asked.filter((call) => call.endsWith('/events'))).toHaveLength(1);
  });
});
