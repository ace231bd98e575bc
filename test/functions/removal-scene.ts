import { expect } from 'vitest';
import { ownImages } from '#model/removal/kept-images.ts';
import { removalResult, terminationMessage, type RemovalOutcome } from '#model/removal/removal-result.ts';
import { jobComplete } from '../../functions/job-complete.ts';
import { purge } from '../../functions/purge.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { settings } from './model/builders.ts';
import { aCache, aJob, changed, completed, scene, type Scene } from './scene.ts';

/** A cache that has pulled, what is made to remove its images, and the words to play those Jobs. */

export const asked = { 'kubefledged.io/purge-imagecache': '' };

export const removalsPath = '/apis/batch/v1/namespaces/kube-fledged/jobs';

export const removalPodsPath = '/api/v1/namespaces/kube-fledged/pods';

export type RemovalJob = {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly labels: object;
    readonly annotations: object;
  };
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly serviceAccountName?: string;
        readonly priorityClassName?: string;
        readonly containers: readonly { readonly args: readonly string[] }[];
      };
    };
  };
};

export const removals = (on: Scene): readonly RemovalJob[] =>
  on.api.list(removalsPath) as unknown as readonly RemovalJob[];

export const argsOf = (job: RemovalJob | undefined): readonly string[] =>
  job?.spec.template.spec.containers[0]?.args ?? [];

export const orderOf = (job: RemovalJob | undefined) =>
  argsOf(job).filter((arg) => /^--(remove|keep)=/.test(arg) && !ours.has(arg));

/** Every removal keeps these. */
const ours: ReadonlySet<string> = new Set(ownImages(settings()).map((image) => `--keep=${image}`));

/** The kubelet's part: the Pod of a removal Job has ended with this account; '' is none. */
export function ends(on: Scene, job: RemovalJob | undefined, outcomes: readonly RemovalOutcome[] | ''): void {
  if (job === undefined) throw new Error('there is no removal Job');
  const { name, uid, labels, annotations } = job.metadata;
  const message = outcomes === '' ? '' : terminationMessage(removalResult('containerd 2.2', outcomes));
  const hasFailed = outcomes === '' || outcomes.some(({ outcome }) => outcome === 'failed');
  const terminated = { exitCode: hasFailed ? 1 : 0, reason: 'Completed', message };
  on.api.put(`${removalPodsPath}/${name}-abcde`, {
    metadata: {
      name: `${name}-abcde`,
      namespace: 'kube-fledged',
      labels: { ...labels, 'job-name': name },
      annotations,
      ownerReferences: [{ kind: 'Job', name, uid, controller: true }],
    },
    status: {
      phase: hasFailed ? 'Failed' : 'Succeeded',
      containerStatuses: [{ name: 'removal', state: { terminated } }],
    },
  });
}

export const otherChanged = { ...changed({ ...aCache, name: 'other' }), cache: { namespace: 'apps', name: 'other' } };

export const removed = (image: string, bytes = 1000): RemovalOutcome => ({
  outcome: 'removed',
  image,
  bytes,
});

export const told = (on: Scene, job: RemovalJob | undefined) =>
  purge(changed({ ...aJob(job?.metadata.name ?? ''), namespace: 'kube-fledged' }, { isRemoval: true }), on.context);

/** A cache whose images have been pulled to these nodes. */
export async function pulled(spec: object | undefined, ...nodes: readonly string[]): Promise<Scene> {
  const on = scene();
  on.cache(spec);
  on.nodes(...nodes);
  await reconcile(changed(aCache), on.context);
  for (const job of on.jobs()) {
    on.pod(job, completed(0, 1));
    await jobComplete(changed(aJob(job)), on.context);
  }
  for (const pod of on.api.list('/api/v1/namespaces/apps/pods'))
    on.api.remove(`/api/v1/namespaces/apps/pods/${pod.metadata.name}`);
  expect(on.live().status.status).toBe('Succeeded');
  on.api.newCalls();
  return on;
}

/** Takes base:2 out of the spec, and answers with the Job that removes it, which is at work. */
export async function editedDown(on: Scene): Promise<RemovalJob | undefined> {
  on.edit({ cacheSpec: [{ images: ['app:1'] }] });
  await reconcile(changed(aCache), on.context);
  for (const job of on.jobs()) {
    on.pod(job, completed(0));
    await jobComplete(changed(aJob(job)), on.context);
    on.api.remove(`/api/v1/namespaces/apps/pods/${job}-abcde`);
  }
  await purge(changed(aCache, { isRemoval: true }), on.context);
  return removals(on)[0];
}

export const ordinary = {
  nodeInfo: { operatingSystem: 'linux', kubeletVersion: 'v1.34.2', containerRuntimeVersion: 'containerd://1.7.24' },
};

export const ready = { conditions: [{ type: 'Ready', status: 'True' }] };

export const odd = { ...ready, nodeInfo: { ...ordinary.nodeInfo, containerRuntimeVersion: 'frakti://1' } };
