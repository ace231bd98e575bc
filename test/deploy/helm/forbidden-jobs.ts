import { mounting, pull, removal, type Job } from './product-jobs.ts';

/** What whoever took a function over might try: a Job of ours, changed at one place, and the words that refuse it. */
export type Forbidden = readonly [name: string, job: object, words: string];

type Path = readonly (string | number)[];

/** A copy of a Job with the value at a path replaced, or taken away if it is undefined. */
export function changed(job: object, path: Path, value: unknown): object {
  const copy = structuredClone(job);
  let at: unknown = copy;
  for (const step of path.slice(0, -1)) at = Reflect.get(Object(at) as object, step);
  const last = path.at(-1) ?? '';
  if (value === undefined) Reflect.deleteProperty(Object(at) as object, last);
  else Reflect.set(Object(at) as object, last, value);
  return copy;
}

const pod = (...path: Path): Path => ['spec', 'template', 'spec', ...path];
const first = (...path: Path): Path => pod('containers', 0, ...path);

const row = (name: string, job: Job, path: Path, value: unknown, words: string): Forbidden => [
  name,
  changed(job, path, value),
  words,
];

const hostPath = { name: 'root', hostPath: { path: '/' } };
const token = { name: 'token', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } };
const secret = { name: 'secret', secret: { secretName: 'regcred' } };
const noop = { name: 'noop', emptyDir: { sizeLimit: '1Mi' } };
const evil = 'registry.example.com/evil:1';

const anyJob: readonly Forbidden[] = [
  row('without our label', pull(), ['metadata', 'labels', 'app'], 'web', 'labels:'),
  row('without the cache’s uid', pull(), ['metadata', 'labels', 'kubefledged.io/cache-uid'], undefined, 'labels:'),
  row('without its round', pull(), ['metadata', 'annotations', 'kubefledged.io/round'], undefined, 'annotations:'),
  row('with ten Pods', pull(), ['spec', 'parallelism'], 10, 'spec:'),
  row('with tries without end', pull(), ['spec', 'backoffLimit'], 1000, 'spec:'),
  row('without a deadline', pull(), ['spec', 'activeDeadlineSeconds'], undefined, 'spec:'),
  row('managed by somebody else', pull(), ['spec', 'managedBy'], 'example.com/other', 'spec:'),
  row('in the host’s processes', pull(), pod('hostPID'), true, 'pod: a field'),
  row('in the host’s IPC', pull(), pod('hostIPC'), true, 'pod: a field'),
  row('past the scheduler', pull(), pod('nodeName'), 'node-1', 'pod: a field'),
  row('with another runtime', pull(), pod('runtimeClassName'), 'privileged', 'pod: a field'),
  row('with one process space for all', pull(), pod('shareProcessNamespace'), true, 'pod: a field'),
  row('with host names of its own', pull(), pod('hostAliases'), [{ ip: '10.0.0.1', hostnames: ['a'] }], 'pod: a field'),
  row('with a token', pull(), pod('automountServiceAccountToken'), true, 'no service account token'),
  row('with a token by default', pull(), pod('automountServiceAccountToken'), undefined, 'no service account token'),
  row('started again for ever', pull(), pod('restartPolicy'), 'OnFailure', 'restartPolicy Never'),
  row('with the cluster’s names', pull(), pod('dnsPolicy'), 'ClusterFirst', 'dnsPolicy Default'),
  row('on any node', pull(), pod('affinity'), undefined, 'expression'),
  row(
    'on a node that it does not tell',
    pull(),
    pod(...'affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms'.split('.'), 0),
    { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['node-2'] }] },
    'the node of its annotation',
  ),
  row(
    'without AppArmor',
    pull(),
    ['spec', 'template', 'metadata', 'annotations', 'container.apparmor.security.beta.kubernetes.io/image-0'],
    'unconfined',
    'no annotation by which a runtime gives more rights',
  ),
];

const anyContainer: readonly Forbidden[] = [
  row('with variables', pull(), first('env'), [{ name: 'LD_PRELOAD', value: '/x' }], 'container: a field'),
  row('with a hook', pull(), first('lifecycle'), { postStart: { exec: { command: ['sh'] } } }, 'container: a field'),
  row('with a probe', pull(), first('livenessProbe'), { exec: { command: ['sh'] } }, 'container: a field'),
  row('with a port of the host', pull(), first('ports'), [{ containerPort: 80, hostPort: 80 }], 'container: a field'),
  row('with a folder to start in', pull(), first('workingDir'), '/x', 'container: a field'),
  row('that stays in the helper', pull(), pod('initContainers', 0, 'restartPolicy'), 'Always', 'container: a field'),
  row('with a log elsewhere', pull(), first('terminationMessagePath'), '/x', 'container: a field'),
  row(
    'privileged',
    pull(),
    first('securityContext'),
    { privileged: true, allowPrivilegeEscalation: true },
    'no privilege',
  ),
  row(
    'with a capability',
    pull(),
    first('securityContext', 'capabilities'),
    { drop: ['ALL'], add: ['SYS_ADMIN'] },
    'no privilege',
  ),
  row('that may gain rights', pull(), first('securityContext', 'allowPrivilegeEscalation'), true, 'no privilege'),
  row('as a user of its own', pull(), first('securityContext', 'runAsUser'), 0, 'no privilege'),
  row(
    'with a root that it can write',
    pull(),
    first('securityContext', 'readOnlyRootFilesystem'),
    false,
    'no privilege',
  ),
  row('without a security context', pull(), first('securityContext'), undefined, 'no privilege'),
];

const pullJobs: readonly Forbidden[] = [
  row('without an owner', pull(), ['metadata', 'ownerReferences'], undefined, 'its only owner'),
  row('of another owner', pull(), ['metadata', 'ownerReferences', 0, 'kind'], 'Deployment', 'its only owner'),
  row('of another cache’s uid', pull(), ['metadata', 'ownerReferences', 0, 'uid'], 'other', 'its only owner'),
  row('beside another cache', pull(), ['metadata', 'annotations', 'kubefledged.io/cache'], 'b/web', 'its only owner'),
  row('in the host’s network', pull(), pod('hostNetwork'), true, 'not in the host'),
  row('as root', pull(), pod('securityContext', 'runAsUser'), 0, 'a user that is not root'),
  row('as whom the image says', pull(), pod('securityContext', 'runAsUser'), undefined, 'expression'),
  row('without seccomp', pull(), pod('securityContext', 'seccompProfile', 'type'), 'Unconfined', 'seccomp profile'),
  row('with a group of the host', pull(), pod('securityContext', 'supplementalGroups'), [0], 'a user that is not root'),
  row('with a path of the node', pull(), pod('volumes'), [noop, hostPath], 'no hostPath'),
  row('with a Secret', pull(), pod('volumes'), [noop, secret], 'no hostPath, no Secret'),
  row('with a token of its own', pull(), pod('volumes'), [noop, token], 'no projected token'),
  row('with the program’s arguments', pull(), first('args'), ['copy', '/x'], 'no arguments'),
  row('with half of the node', pull(), first('resources'), { requests: { cpu: '8' } }, 'next to no resources'),
  row('with a shell in an image', pull(), first('command'), ['/bin/sh', '-c', 'id'], 'nothing is run in them'),
  row('with the image’s own program', pull(), first('command'), undefined, 'no arguments'),
  row('with a helper of its own', pull(), pod('initContainers', 0, 'image'), evil, 'its one init container copies'),
  row('with a helper that copies elsewhere', pull(), pod('initContainers', 0, 'command', 2), '/x', 'its one init'),
  row('with a folder that it can write', pull(), first('volumeMounts', 0, 'readOnly'), false, 'nothing is run in them'),
  row('with a folder of any size', pull(), pod('volumes', 0, 'emptyDir'), {}, 'nothing is run in them'),
];

/** Where images are mounted as volumes: for API servers that have them. */
export const forbiddenMounts: readonly Forbidden[] = [
  row('with an image of its own', mounting(), first('image'), evil, 'its containers run'),
  row('with a shell', mounting(), first('command'), ['/image/bin/sh'], 'its containers run'),
  row('with the program over ours', mounting(), first('volumeMounts', 0, 'mountPath'), '/noop', 'at /image, to read'),
  row(
    'with another container’s image',
    mounting(),
    first('volumeMounts', 0, 'name'),
    'image-1',
    'the image of its name',
  ),
];

const removals: readonly Forbidden[] = [
  row('in a cache’s namespace', removal(), ['metadata', 'namespace'], 'apps', 'in the namespace kube-fledged'),
  row('that stays', removal(), ['spec', 'ttlSecondsAfterFinished'], undefined, 'gone some time after its end'),
  row('with the node’s root', removal(), pod('volumes', 0, 'hostPath', 'path'), '/', "container runtime's socket"),
  row('with a folder', removal(), pod('volumes', 0, 'hostPath', 'type'), 'Directory', "container runtime's socket"),
  row('with one more path', removal(), pod('volumes', 1), hostPath, 'one volume'),
  row('with an image of its own', removal(), first('image'), evil, 'with its own entrypoint'),
  row('with a shell', removal(), first('command'), ['/bin/sh', '-c', 'id'], 'with its own entrypoint'),
  row('with another program', removal(), first('args', 0), '-e', 'it runs removal.mjs'),
  row('with an option of Node’s', removal(), first('args', 2), '--require=/x', 'it runs removal.mjs'),
  row('with the socket elsewhere', removal(), first('args', 1), '--socket=/run/x.sock', 'it runs removal.mjs'),
  row(
    'with the socket over the program',
    removal(),
    first('volumeMounts', 0, 'mountPath'),
    '/app',
    'it mounts the socket',
  ),
  row('with a lot of memory', removal(), first('resources', 'limits', 'memory'), '64Gi', 'small resources'),
  row('privileged', removal(), first('securityContext'), { privileged: true }, 'no privilege'),
  row('without seccomp', removal(), pod('securityContext', 'seccompProfile'), undefined, "root's number"),
  row('in the host’s network', removal(), pod('hostNetwork'), true, 'not in the host'),
  row('as another account', removal(), pod('serviceAccountName'), 'admin', 'no service account of its own'),
  row('with a token', removal(), pod('automountServiceAccountToken'), true, 'no service account token'),
];

export const forbiddenJobs: Readonly<Record<string, readonly Forbidden[]>> = {
  Job: anyJob,
  'Job with a container': anyContainer,
  'pull Job': pullJobs,
  'removal Job': removals,
};
