import { pino } from 'pino';
import type { ObjectReference, Verb } from '#model/cache/cloud-event.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { parseImageCache } from '#model/cache/parse-image-cache.ts';
import type { Settings } from '#model/cache/settings.ts';
import { createCluster } from '#runtime/cluster/cluster.ts';
import type { Context } from '#runtime/handler.ts';
import { inMemoryApi } from '../support/api/in-memory-api.ts';
import { StoredObject, withWrite } from '../support/api/stored-object.ts';
import { noon, settings } from './model/builders.ts';
import { inMemoryRegistry } from '../support/registry/in-memory-registry.ts';

/** A cluster of memory with the functions' context in front of it, and the words to play a cluster's part. */

export const cachePath = (name = 'web'): string => `/apis/kubefledged.io/v1alpha2/namespaces/apps/imagecaches/${name}`;
export const jobsPath = '/apis/batch/v1/namespaces/apps/jobs';
export const podsPath = '/api/v1/namespaces/apps/pods';
export const eventsPath = '/api/v1/namespaces/apps/events';
export const secretPath = (name: string): string => `/api/v1/namespaces/apps/secrets/${name}`;
export const nodePath = (name: string): string => `/api/v1/nodes/${name}`;
export const namespacePath = '/api/v1/namespaces/apps';

export type Scene = ReturnType<typeof scene>;

export function scene(given: Partial<Settings> = {}, of: Partial<Pick<Context, 'readsPullSecrets' | 'log'>> = {}) {
  let now = noon;
  const registry = inMemoryRegistry();
  const api = inMemoryApi({ now: () => now });
  const context: Context = {
    cluster: createCluster(api, [], of.log),
    settings: settings(given),
    registry,
    readsPullSecrets: false,
    log: pino({ level: 'silent' }),
    now: () => now,
    signal: new AbortController().signal,
    ...of,
  };
  api.put(namespacePath, { metadata: { name: 'apps' } });
  return {
    api,
    registry,
    context,
    wait: (ms: number): void => void (now += ms),
    cache: (spec: object = { cacheSpec: [{ images: ['app:1', 'base:2'] }] }, name = 'web'): void =>
      api.put(cachePath(name), { metadata: { name, namespace: 'apps', uid: `uid-of-${name}`, generation: 1 }, spec }),
    /** A user edits a cache. */
    edit: (spec: object): void => {
      const before = api.read(cachePath());
      const generation = parseImageCache(before).generation + 1;
      api.put(cachePath(), { ...before, metadata: { ...before?.metadata, generation }, spec });
    },
    annotate: (annotations: Readonly<Record<string, string>>): void => {
      const before = StoredObject.parse(api.read(cachePath()));
      const names = Object.fromEntries(Object.keys(annotations).map((name) => [`f:${name}`, {}]));
      const write = { manager: 'kubectl-annotate', fieldsV1: { 'f:metadata': { 'f:annotations': names } } };
      api.put(cachePath(), { ...before, metadata: { ...withWrite(before, write, now), annotations } });
    },
    nodes: (...names: readonly string[]): void => {
      for (const name of names) api.put(nodePath(name), nodeNamed(name));
    },
    live: (name = 'web'): ImageCache => parseImageCache(api.read(cachePath(name))),
    jobs: (): readonly string[] => api.list(jobsPath).map(({ metadata }) => metadata.name),
    /** The kubelet's part: a Pod of a Job with these statuses. */
    pod: (job: string, status: object): string => {
      const made = api.read(`${jobsPath}/${job}`);
      const { uid = '', labels = {}, annotations } = made?.metadata ?? {};
      const name = `${job}-abcde`;
      const ownerReferences = [{ kind: 'Job', name: job, uid, controller: true }];
      const metadata = {
        name,
        namespace: 'apps',
        labels: { ...labels, 'job-name': job },
        annotations,
        ownerReferences,
      };
      const spec = { initContainers: [{ name: 'noop' }] };
      api.put(`${podsPath}/${name}`, { metadata, spec, status: { startTime: new Date(now).toISOString(), ...status } });
      return name;
    },
  };
}

export const nodeNamed = (name: string, of: object = {}): object => ({
  metadata: { name, uid: `uid-of-${name}`, labels: {} },
  status: {
    conditions: [{ type: 'Ready', status: 'True' }],
    nodeInfo: { operatingSystem: 'linux', kubeletVersion: 'v1.34.2', containerRuntimeVersion: 'containerd://1.7.24' },
  },
  ...of,
});

export const completed = (...indexes: readonly number[]): object => ({
  phase: 'Succeeded',
  containerStatuses: indexes.map((index) => ({
    name: `image-${index}`,
    imageID: `r.example.com/a@sha256:${'0'.repeat(64)}`,
    state: { terminated: { exitCode: 0, reason: 'Completed' } },
  })),
});

export const missing = (...indexes: readonly number[]): object => ({
  phase: 'Pending',
  containerStatuses: indexes.map((index) => ({
    name: `image-${index}`,
    state: { waiting: { reason: 'ErrImagePull', message: 'not found' } },
  })),
});

type Told = {
  readonly verb?: Verb;
  readonly more?: readonly ObjectReference[];
  readonly isFrom?: 'us' | 'knative';
  readonly isRemoval?: boolean;
};

/** A notice of one object, or of more that changed with it; ours names the cache, Knative's does not. */
export function changed(
  object: ObjectReference,
  { verb = 'update', more = [], isFrom = 'us', isRemoval = false }: Told = {},
) {
  const cache = isFrom === 'us' || object.kind === 'ImageCache' ? { namespace: 'apps', name: 'web' } : undefined;
  return {
    type: 'change',
    verb,
    object,
    cache,
    changed: [object, ...more],
    ...(isRemoval ? { isRemoval } : {}),
    ...(isFrom === 'knative' && object.kind === 'ImageCache' ? { isFromElsewhere: true as const } : {}),
  } as const;
}

export const tick = { type: 'tick' } as const;
export const aCache: ObjectReference = {
  apiVersion: 'kubefledged.io/v1alpha2',
  kind: 'ImageCache',
  namespace: 'apps',
  name: 'web',
};
export const aNode = (name: string): ObjectReference => ({ apiVersion: 'v1', kind: 'Node', namespace: '', name });
export const aPod = (name: string): ObjectReference => ({ apiVersion: 'v1', kind: 'Pod', namespace: 'apps', name });
export const aJob = (name: string): ObjectReference => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  namespace: 'apps',
  name,
});
