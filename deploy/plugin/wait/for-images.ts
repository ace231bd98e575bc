import * as z from 'zod/mini';
import { annotations } from '#model/cache/api.ts';
import type { CacheReference } from '#model/cache/cloud-event.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { parseImageCache } from '#model/cache/parse-image-cache.ts';
import type { Node } from '#model/node/node.ts';
import { normalisedReference } from '#model/text/image-reference.ts';
import type { Api } from '#runtime/api/api.ts';
import { paths } from '#runtime/api/paths.ts';
import { ApiError, isNotFound } from '#runtime/errors.ts';
import { checkWorkload } from '../check/check-workload.ts';
import { type ReadCaches, readCaches, readNodes } from '../check/read-evidence.ts';
import { type FoundWorkload, workloadsInFiles } from '../check/read-workloads.ts';
import { parseWorkload, type Workload, workloadKind } from '#model/workload/workload.ts';
import { exitCodes, type Invocation, UsageError } from '../command.ts';
import { report } from '../status/report.ts';
import { counted } from '../units.ts';
import { waitFor, whenOver } from './wait-for.ts';
import { waitStateOf } from './wait-state.ts';
import {
  cacheNameOf,
  type Credentials,
  imagesOfPods,
  isMoving,
  managedBy,
  preRolloutCache,
} from './pre-rollout-cache.ts';

/** A workload whose images the cache pulls. */
type Pulling = FoundWorkload & { readonly reference: CacheReference };

type Evidence = ReadCaches & { readonly nodes: readonly Node[] | undefined };

/** Pulls the images of workloads in files to the nodes of their Pods, and waits for them. The exit code is the highest. */
export async function waitForImages(
  files: readonly string[],
  timeout: number,
  invocation: Invocation,
): Promise<number> {
  const { api, namespace, terminal } = invocation;
  const { found, ignored } = await workloadsInFiles(files, terminal.input, { api, namespace });
  for (const name of ignored) terminal.note(`${name} is not waited for: its kind is not known.`);
  const last = new Map(found.map((each) => [`${each.workload.namespace}/${cacheNameOf(each.workload)}`, each]));
  const namespaces = new Set(found.map(({ workload }) => workload.namespace));
  const [nodes, caches] = await Promise.all([nodesOrNone(api), readCaches(api, [...namespaces])]);
  const ends = Date.now() + timeout;
  const pulling: Pulling[] = [];
  for (const each of last.values()) {
    const holders = holdersOf(each, { ...caches, nodes });
    if (holders > 0) terminal.print(`${named(each.workload)}: all images are on ${counted(holders, 'node')} already`);
    else pulling.push({ ...each, reference: await applied(each, nodes, invocation) });
  }
  const codes = await Promise.all(pulling.map((each) => pulled(each, { ends, invocation })));
  return Math.max(exitCodes.good, ...codes);
}

const named = ({ kind, name, namespace }: Workload): string => `${kind.toLowerCase()}/${name} in ${namespace}`;

/** Nodes are not needed to pull images, so a CI job may lack the right to list them. */
async function nodesOrNone(api: Api): Promise<readonly Node[] | undefined> {
  try {
    return await readNodes(api, undefined);
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return undefined;
    throw error;
  }
}

/** The number of nodes that the Pods may be scheduled to, if caches have all images on all of them; otherwise 0. */
function holdersOf({ workload, pullSecrets }: FoundWorkload, { nodes, records, hasAllCaches }: Evidence): number {
  if (nodes === undefined || workload.images.some(isMoving)) return 0;
  const lasting = records.filter(({ cache }) => !cache.isBeingDeleted && !cache.spec.suspend);
  const images = workload.images.map((use) => ({ ...use, pullPolicy: 'IfNotPresent' as const }));
  const evidence = { nodes, pullSecrets, records: lasting, hasAllCaches, now: Date.now() };
  const checked = checkWorkload({ ...workload, images }, evidence).nodes;
  const holdsAll = checked.every((node) =>
    node.images.every(({ verdict, caches }) => verdict === 'starts' && caches.length > 0),
  );
  return holdsAll ? checked.length : 0;
}

const stored = z.object({
  metadata: z.object({ labels: z.optional(z.record(z.string(), z.string())) }),
});

/** Applies the cache of a workload. If it was there with the same spec, a round is requested where it may pull something. */
async function applied(
  { workload, pullSecrets }: FoundWorkload,
  nodes: readonly Node[] | undefined,
  { api, terminal }: Invocation,
): Promise<CacheReference> {
  const reference = { namespace: workload.namespace, name: cacheNameOf(workload) };
  const path = paths.cache(reference);
  const before = await existing(api, path);
  if (before !== undefined && stored.parse(before).metadata.labels?.[managedBy.label] !== managedBy.value)
    throw new UsageError(`the ImageCache ${reference.namespace}/${reference.name} was not made by this command`);
  const previous = before === undefined ? undefined : parseImageCache(before);
  const credentials = await credentialsOf(workload, pullSecrets, { api, note: terminal.note });
  const kept = previous === undefined ? [] : await keptImages(previous, workload, api);
  const body = preRolloutCache(workload, { credentials, kept, nodes });
  const after = parseImageCache(await apply(api, path, body));
  if (previous?.generation === after.generation && (workload.images.some(isMoving) || hasFailed(previous)))
    await requestRefresh(api, path);
  return reference;
}

const hasFailed = (cache: ImageCache): boolean => waitStateOf(cache) === 'failed';

async function existing(api: Api, path: string): Promise<unknown> {
  try {
    return await api.request({ method: 'GET', path });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

const apply = (api: Api, path: string, body: object): Promise<unknown> =>
  api.request({
    method: 'PATCH',
    path: `${path}?fieldManager=kubectl-imagecache&force=true&fieldValidation=Strict`,
    contentType: 'application/apply-patch+yaml',
    body,
  });

async function requestRefresh(api: Api, path: string): Promise<void> {
  await api.request({
    method: 'PATCH',
    path: `${path}?fieldManager=kubectl-imagecache`,
    contentType: 'application/merge-patch+json',
    body: { metadata: { annotations: { [annotations.refreshRequestedAt]: new Date().toISOString() } } },
  });
}

/** Images of the cache that the workload runs now: Pods that start before the rollout ends, or after a rollback, find them. */
async function keptImages(cache: ImageCache, workload: Workload, api: Api): Promise<readonly string[]> {
  const kind = workloadKind(workload.kind);
  if (kind === undefined) return [];
  const object = await existing(api, paths.namespaced(kind.api, kind.plural, workload));
  if (object === undefined) return [];
  const running = new Set(imagesOfPods(parseWorkload(object, kind, workload.namespace)).map(normalisedReference));
  return cache.spec.lists.flatMap(({ images }) => images).filter((image) => running.has(normalisedReference(image)));
}

type Reader = { readonly api: Api; readonly note: (text: string) => void };

/** Before a first rollout its service account may be missing; then its secrets are named, and the default one is used. */
async function credentialsOf(
  { namespace, serviceAccount, pullSecrets }: Workload,
  afterAdmission: FoundWorkload['pullSecrets'],
  { api, note }: Reader,
): Promise<Credentials> {
  if (serviceAccount === 'default' || (await exists(api, paths.serviceAccount(namespace, serviceAccount))))
    return { serviceAccount, pullSecrets };
  note(`The service account ${namespace}/${serviceAccount} does not exist yet: images are pulled without it.`);
  return { serviceAccount: 'default', pullSecrets: afterAdmission.isKnown ? afterAdmission.names : pullSecrets };
}

/** What may not be read counts as existing. */
async function exists(api: Api, path: string): Promise<boolean> {
  try {
    return (await existing(api, path)) !== undefined;
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return true;
    throw error;
  }
}

type Wait = { readonly ends: number; readonly invocation: Invocation };

/** Waits for the images of a workload in its cache, and returns the exit code. */
async function pulled(
  { workload, reference }: Pulling,
  { ends, invocation: { api, terminal, isOn } }: Wait,
): Promise<number> {
  const wanted = new Set(imagesOfPods(workload).map(normalisedReference));
  const timeout = Math.max(1, ends - Date.now());
  const code = await waitFor(reference, { api, terminal, timeout, isOver: whenPulled(wanted) });
  if (isOn('delete')) await api.request({ method: 'DELETE', path: paths.cache(reference) });
  return code;
}

/** The exit code once the round is over. An image that is only kept for the Pods that run now fails nothing. */
const whenPulled =
  (wanted: ReadonlySet<string>) =>
  (cache: ImageCache): number | undefined => {
    const code = whenOver(cache);
    return code === exitCodes.failed && !cache.spec.suspend && hasAll(cache, wanted) ? exitCodes.good : code;
  };

const hasAll = (cache: ImageCache, wanted: ReadonlySet<string>): boolean =>
  report(cache)
    .nodes.filter(({ state }) => state !== 'Skipped')
    .every(({ images }) =>
      images.every(({ image, state }) => state === 'present' || !wanted.has(normalisedReference(image))),
    );
