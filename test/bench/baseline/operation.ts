import { setTimeout as sleep } from 'node:timers/promises';
import type { Api } from '#runtime/api/api.ts';
import { limitedRequest, writeStatus, type CacheName, type LimitedRequest } from './client.ts';
import { fledgedJob, type Helper } from './fledged-job.ts';
import { itemDelay } from './limiter.ts';
import { finalStatus, isOver, ordersFor, statusOf, type Order, type Result } from './order.ts';
import { podPhases, type PodPhases } from './pods.ts';
import { named, nodeList, type CacheObject } from './seen.ts';

export type Operation = {
  readonly api: Api;
  readonly cache: CacheName;
  readonly helper: Helper;
  /** How long Jobs are waited for once all of them are made; milliseconds. */
  readonly deadline: number;
};

/** Milliseconds between two looks at the Jobs. */
const poll = 1_000;
const reason = 'ImageCacheCreate';

/**
 * One operation as kube-fledged carries it out: one request after another, held to 5 a second; a Job per image and node; looks once a second;
 * deletes its Jobs before it writes the status.
 */
export async function carryOut({ api, cache, helper, deadline }: Operation): Promise<void> {
  const request = limitedRequest(api);
  const phases = podPhases(api, cache.namespace);
  const nodes = nodeList.parse(await api.request({ method: 'GET', path: '/api/v1/nodes' })); // an informer has them there
  const startTime = now();
  const opened = await writeStatus(request, cache, {
    ...{ status: 'Processing', reason, startTime },
    message: 'Images are being pulled on to the nodes. Please view the status after some time',
  });
  const hostnames = nodes.items.map(({ metadata }) => metadata.labels['kubernetes.io/hostname'] ?? '');
  const orders = opened.spec.cacheSpec.flatMap(({ images }) => ordersFor(hostnames, images));
  const made = await makeJobs(request, { owner: opened, orders, helper });
  const results = await waitedFor(made, phases, deadline);
  await removeJobs(request, cache, results);
  const end = finalStatus(results);
  await writeStatus(request, cache, { ...end, reason, startTime, completionTime: now() });
  const path = `/api/v1/namespaces/${cache.namespace}/events`;
  await request({ method: 'POST', path, body: eventOf(opened, end) });
}

const jobsPath = (namespace: string): string => `/apis/batch/v1/namespaces/${namespace}/jobs`;

type Making = { readonly owner: CacheObject; readonly orders: readonly Order[]; readonly helper: Helper };

async function makeJobs(request: LimitedRequest, { owner, orders, helper }: Making): Promise<readonly Result[]> {
  const path = jobsPath(owner.metadata.namespace);
  const begin = Date.now();
  const made: Result[] = [];
  for (const [index, order] of orders.entries()) {
    await sleep(Math.max(0, begin + itemDelay(index) - Date.now()));
    const job = await request({ method: 'POST', path, body: fledgedJob(owner.metadata, order, helper) });
    made.push({ ...order, job: named.parse(job).metadata.name, status: 'created' });
  }
  return made;
}

/** What came of each, once all have ended or the deadline has passed. */
async function waitedFor(made: readonly Result[], phases: PodPhases, deadline: number): Promise<readonly Result[]> {
  const begin = Date.now();
  for (;;) {
    await sleep(poll);
    const results = made.map((result) => ({ ...result, status: statusOf(phases.get(result.job)) }));
    if (isOver(results, Date.now() - begin, deadline)) return results;
  }
}

async function removeJobs(request: LimitedRequest, cache: CacheName, results: readonly Result[]): Promise<void> {
  const body = { propagationPolicy: 'Background' };
  for (const { job } of results) await request({ method: 'DELETE', path: `${jobsPath(cache.namespace)}/${job}`, body });
}

function eventOf({ metadata }: CacheObject, { status, message }: ReturnType<typeof finalStatus>): object {
  const { name, namespace, uid } = metadata;
  return {
    metadata: { generateName: `${name}.`, namespace },
    involvedObject: { apiVersion: 'kubefledged.io/v1alpha2', kind: 'ImageCache', name, namespace, uid },
    type: status === 'Failed' ? 'Warning' : 'Normal',
    ...{ reason, message, source: { component: 'kubefledged-controller' } },
  };
}

const now = (): string => `${new Date().toISOString().slice(0, 19)}Z`;
