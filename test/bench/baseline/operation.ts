import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod/mini';
import type { Api, ApiCall } from '#runtime/api/api.ts';
import {
  clientRate,
  finalStatus,
  isOver,
  itemDelay,
  limiter,
  type Order,
  ordersFor,
  type Result,
  statusOf,
} from './rules.ts';
import { fledgedJob, type Helper, jobLabels } from './fledged-job.ts';

export const named = z.object({ metadata: z.object({ name: z.string() }) });

const nodeList = z.object({
  items: z.array(
    z.object({ metadata: z.object({ name: z.string(), labels: z._default(z.record(z.string(), z.string()), {}) }) }),
  ),
});

const cacheObject = z.looseObject({
  metadata: z.looseObject({ name: z.string(), uid: z.string(), namespace: z.string() }),
  spec: z.object({ cacheSpec: z.array(z.object({ images: z.array(z.string()) })) }),
  status: z.optional(z.looseObject({ startTime: z.optional(z.string()) })),
});
type CacheObject = z.infer<typeof cacheObject>;

const podChange = z.object({
  type: z.string(),
  object: z.object({
    metadata: z.object({ labels: z._default(z.record(z.string(), z.string()), {}) }),
    status: z._default(z.object({ phase: z.optional(z.string()) }), {}),
  }),
});

type CacheName = { readonly namespace: string; readonly name: string };

/** Sends one request after the other, at client-go's default rate. */
type LimitedRequest = (call: ApiCall) => Promise<unknown>;

function limitedRequest(api: Api): LimitedRequest {
  const allowed = limiter(clientRate);
  return async (call) => {
    await allowed();
    return api.request(call);
  };
}

const path = ({ namespace, name }: CacheName): string =>
  `/apis/kubefledged.io/v1alpha2/namespaces/${namespace}/imagecaches/${name}`;

const readCache = async (request: LimitedRequest, cache: CacheName): Promise<CacheObject> =>
  cacheObject.parse(await request({ method: 'GET', path: path(cache) }));

/** Two reads and one write of the whole object, like kube-fledged; to /status, as our CRD requires. */
async function writeStatus(request: LimitedRequest, cache: CacheName, status: object): Promise<CacheObject> {
  await readCache(request, cache);
  const body = { ...(await readCache(request, cache)), status };
  return cacheObject.parse(await request({ method: 'PUT', path: `${path(cache)}/status`, body }));
}

type PodPhases = ReadonlyMap<string, string>;

/** The last phase of the Pods of every Job, by the Job's name, from now on. */
function podPhases(api: Api, namespace: string): PodPhases {
  const phases = new Map<string, string>();
  const selector = encodeURIComponent(
    Object.entries(jobLabels)
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
  );
  const path = `/api/v1/namespaces/${namespace}/pods?watch=true&timeoutSeconds=7200&labelSelector=${selector}`;
  void (async () => {
    for await (const line of api.lines({ method: 'GET', path })) {
      const { type, object } = podChange.parse(JSON.parse(line));
      const job = object.metadata.labels['job-name'];
      if (type !== 'DELETED' && job !== undefined) phases.set(job, object.status.phase ?? '');
    }
  })();
  return phases;
}

export type Operation = {
  readonly api: Api;
  readonly cache: CacheName;
  readonly helper: Helper;
  /** Milliseconds to wait for the Jobs after the last was created. */
  readonly deadline: number;
};

/** Milliseconds between two checks of the Jobs. */
const poll = 1_000;
const reason = 'ImageCacheCreate';

/**
 * One operation like kube-fledged's: one request after another, at most 5 a second; a Job per image and node; a check once a second; Jobs are
 * deleted before the status is written.
 */
export async function carryOut({ api, cache, helper, deadline }: Operation): Promise<void> {
  const request = limitedRequest(api);
  const phases = podPhases(api, cache.namespace);
  const nodes = nodeList.parse(await api.request({ method: 'GET', path: '/api/v1/nodes' })); // kube-fledged has an informer
  const startTime = now();
  const opened = await writeStatus(request, cache, {
    ...{ status: 'Processing', reason, startTime },
    message: 'Images are being pulled on to the nodes. Please view the status after some time',
  });
  const hostnames = nodes.items.map(({ metadata }) => metadata.labels['kubernetes.io/hostname'] ?? metadata.name);
  const orders = opened.spec.cacheSpec.flatMap(({ images }) => ordersFor(hostnames, images));
  const jobs = await createJobs(request, { owner: opened, orders, helper });
  const results = await waitForJobs(jobs, phases, deadline);
  await removeJobs(request, cache, results);
  const end = finalStatus(results);
  await writeStatus(request, cache, { ...end, reason, startTime, completionTime: now() });
  const path = `/api/v1/namespaces/${cache.namespace}/events`;
  await request({ method: 'POST', path, body: eventOf(opened, end) });
}

const jobsPath = (namespace: string): string => `/apis/batch/v1/namespaces/${namespace}/jobs`;

type Making = { readonly owner: CacheObject; readonly orders: readonly Order[]; readonly helper: Helper };

async function createJobs(request: LimitedRequest, { owner, orders, helper }: Making): Promise<readonly Result[]> {
  const path = jobsPath(owner.metadata.namespace);
  const start = Date.now();
  const created: Result[] = [];
  for (const [index, order] of orders.entries()) {
    await sleep(Math.max(0, start + itemDelay(index) - Date.now()));
    const job = await request({ method: 'POST', path, body: fledgedJob(owner.metadata, order, helper) });
    created.push({ ...order, job: named.parse(job).metadata.name, status: 'created' });
  }
  return created;
}

/** Waits until all Jobs have ended or the deadline has passed. */
async function waitForJobs(jobs: readonly Result[], phases: PodPhases, deadline: number): Promise<readonly Result[]> {
  const start = Date.now();
  for (;;) {
    await sleep(poll);
    const results = jobs.map((result) => ({ ...result, status: statusOf(phases.get(result.job)) }));
    if (isOver(results, Date.now() - start, deadline)) return results;
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
