import { mounting, pull, removal, type Job } from './product-jobs.ts';

/** A Job of ours with one change that an attacker might try, and a part of the expected denial. */
export type Forbidden = readonly [name: string, job: StoredJob, message: string];

export type StoredJob = Pick<Job, 'metadata'>;

type Path = readonly (string | number)[];

/** A copy of a Job with the value at a path replaced, or removed if it is undefined. */
export function changed<T extends object>(job: T, path: Path, value: unknown): T {
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

const row = (name: string, job: Job, path: Path, value: unknown, message: string): Forbidden => [
  name,
  changed(job, path, value),
  message,
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
  row('with unlimited retries', pull(), ['spec', 'backoffLimit'], 1000, 'spec:'),
  row('without a deadline', pull(), ['spec', 'activeDeadlineSeconds'], undefined, 'spec:'),
  row('managed by another controller', pull(), ['spec', 'managedBy'], 'example.com/other', 'spec:'),
  row('in the PID namespace of the host', pull(), pod('hostPID'), true, 'pod: contains a field'),
  row('in the IPC namespace of the host', pull(), pod('hostIPC'), true, 'pod: contains a field'),
  row('with a nodeName', pull(), pod('nodeName'), 'node-1', 'pod: contains a field'),
  row('with a runtime class', pull(), pod('runtimeClassName'), 'privileged', 'pod: contains a field'),
  row('with a shared process namespace', pull(), pod('shareProcessNamespace'), true, 'pod: contains a field'),
  row('with host aliases', pull(), pod('hostAliases'), [{ ip: '10.0.0.1', hostnames: ['a'] }], 'pod: contains a field'),
  row('with a token', pull(), pod('automountServiceAccountToken'), true, 'must not mount a service account token'),
  row(
    'with a token by default',
    pull(),
    pod('automountServiceAccountToken'),
    undefined,
    'must not mount a service account token',
  ),
  row('with another restart policy', pull(), pod('restartPolicy'), 'OnFailure', 'restartPolicy Never'),
  row('with another DNS policy', pull(), pod('dnsPolicy'), 'ClusterFirst', 'dnsPolicy Default'),
  row('on any node', pull(), pod('affinity'), undefined, 'expression'),
  row(
    'on another node than annotated',
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
    'only labels and annotations of the product',
  ),
];

const anyContainer: readonly Forbidden[] = [
  row(
    'with environment variables',
    pull(),
    first('env'),
    [{ name: 'LD_PRELOAD', value: '/x' }],
    'container: contains a field',
  ),
  row(
    'with a hook',
    pull(),
    first('lifecycle'),
    { postStart: { exec: { command: ['sh'] } } },
    'container: contains a field',
  ),
  row('with a probe', pull(), first('livenessProbe'), { exec: { command: ['sh'] } }, 'container: contains a field'),
  row(
    'with a port of the host',
    pull(),
    first('ports'),
    [{ containerPort: 80, hostPort: 80 }],
    'container: contains a field',
  ),
  row('with a working directory', pull(), first('workingDir'), '/x', 'container: contains a field'),
  row(
    'with a restartable init container',
    pull(),
    pod('initContainers', 0, 'restartPolicy'),
    'Always',
    'container: contains a field',
  ),
  row(
    'with another termination message path',
    pull(),
    first('terminationMessagePath'),
    '/x',
    'container: contains a field',
  ),
  row(
    'privileged',
    pull(),
    first('securityContext'),
    { privileged: true, allowPrivilegeEscalation: true },
    'no privileges',
  ),
  row(
    'with a capability',
    pull(),
    first('securityContext', 'capabilities'),
    { drop: ['ALL'], add: ['SYS_ADMIN'] },
    'no privileges',
  ),
  row(
    'that allows privilege escalation',
    pull(),
    first('securityContext', 'allowPrivilegeEscalation'),
    true,
    'no privileges',
  ),
  row('with another user', pull(), first('securityContext', 'runAsUser'), 0, 'no privileges'),
  row(
    'with a writable root filesystem',
    pull(),
    first('securityContext', 'readOnlyRootFilesystem'),
    false,
    'no privileges',
  ),
  row('without a security context', pull(), first('securityContext'), undefined, 'no privileges'),
];

const pullJobs: readonly Forbidden[] = [
  row('without an owner', pull(), ['metadata', 'ownerReferences'], undefined, 'the only owner must be'),
  row('of another owner', pull(), ['metadata', 'ownerReferences', 0, 'kind'], 'Deployment', 'the only owner must be'),
  row('of another cache’s uid', pull(), ['metadata', 'ownerReferences', 0, 'uid'], 'other', 'the only owner must be'),
  row(
    'with the annotation of another cache',
    pull(),
    ['metadata', 'annotations', 'kubefledged.io/cache'],
    'b/web',
    'the only owner must be',
  ),
  row('in the host’s network', pull(), pod('hostNetwork'), true, 'must not use the host network'),
  row('as root', pull(), pod('securityContext', 'runAsUser'), 0, 'must run as a non-root user'),
  row('as the user of the image', pull(), pod('securityContext', 'runAsUser'), undefined, 'expression'),
  row('without seccomp', pull(), pod('securityContext', 'seccompProfile', 'type'), 'Unconfined', 'seccomp profile'),
  row(
    'with a group of the host',
    pull(),
    pod('securityContext', 'supplementalGroups'),
    [0],
    'must run as a non-root user',
  ),
  row('with a hostPath', pull(), pod('volumes'), [noop, hostPath], 'hostPath, Secrets'),
  row('with a Secret', pull(), pod('volumes'), [noop, secret], 'Secrets and projected tokens are not allowed'),
  row('with a projected token', pull(), pod('volumes'), [noop, token], 'projected tokens are not allowed'),
  row('with arguments', pull(), first('args'), ['copy', '/x'], 'no arguments'),
  row('with large resource requests', pull(), first('resources'), { requests: { cpu: '8' } }, 'fixed small resources'),
  row('with a shell in an image', pull(), first('command'), ['/bin/sh', '-c', 'id'], 'only the copied program'),
  row('with the entrypoint of the image', pull(), first('command'), undefined, 'no arguments'),
  row(
    'with another image in the init container',
    pull(),
    pod('initContainers', 0, 'image'),
    evil,
    'the only init container must copy',
  ),
  row(
    'with another target in the init container',
    pull(),
    pod('initContainers', 0, 'command', 2),
    '/x',
    'the only init',
  ),
  row('with a writable mount', pull(), first('volumeMounts', 0, 'readOnly'), false, 'only the copied program'),
  row('with an unlimited emptyDir', pull(), pod('volumes', 0, 'emptyDir'), {}, 'only the copied program'),
];

/** For API servers with image volumes. */
export const forbiddenMounts: readonly Forbidden[] = [
  row('with another image', mounting(), first('image'), evil, 'containers must run'),
  row('with a shell', mounting(), first('command'), ['/image/bin/sh'], 'containers must run'),
  row(
    'with a mount over the program',
    mounting(),
    first('volumeMounts', 0, 'mountPath'),
    '/noop',
    'at /image, read-only',
  ),
  row(
    'with another container’s image',
    mounting(),
    first('volumeMounts', 0, 'name'),
    'image-1',
    'the image of its name',
  ),
];

const removals: readonly Forbidden[] = [
  row('in a cache’s namespace', removal(), ['metadata', 'namespace'], 'apps', 'must be in the namespace kube-fledged'),
  row('without a TTL', removal(), ['spec', 'ttlSecondsAfterFinished'], undefined, 'with ttlSecondsAfterFinished'),
  row(
    'with the root of the node',
    removal(),
    pod('volumes', 0, 'hostPath', 'path'),
    '/',
    'socket of the container runtime',
  ),
  row(
    'with a directory',
    removal(),
    pod('volumes', 0, 'hostPath', 'type'),
    'Directory',
    'socket of the container runtime',
  ),
  row('with a second volume', removal(), pod('volumes', 1), hostPath, 'the only volume must be'),
  row('with another image', removal(), first('image'), evil, 'with the entrypoint of the image'),
  row('with a shell', removal(), first('command'), ['/bin/sh', '-c', 'id'], 'with the entrypoint of the image'),
  row('with another program', removal(), first('args', 0), '-e', 'the arguments must be removal.mjs'),
  row('with an option of Node.js', removal(), first('args', 2), '--require=/x', 'the arguments must be removal.mjs'),
  row(
    'with another socket path',
    removal(),
    first('args', 1),
    '--socket=/run/x.sock',
    'the arguments must be removal.mjs',
  ),
  row(
    'with the socket mounted over the program',
    removal(),
    first('volumeMounts', 0, 'mountPath'),
    '/app',
    'must mount the socket',
  ),
  row('with a large memory limit', removal(), first('resources', 'limits', 'memory'), '64Gi', 'small resources'),
  row('privileged', removal(), first('securityContext'), { privileged: true }, 'no privileges'),
  row('without seccomp', removal(), pod('securityContext', 'seccompProfile'), undefined, 'must run as user 0'),
  row('in the host’s network', removal(), pod('hostNetwork'), true, 'must not use the host network'),
  row('as another account', removal(), pod('serviceAccountName'), 'admin', 'the default service account'),
  row('with a token', removal(), pod('automountServiceAccountToken'), true, 'must not mount a service account token'),
];

export const forbiddenJobs: Readonly<Record<string, readonly Forbidden[]>> = {
  Job: anyJob,
  'Job with a container': anyContainer,
  'pull Job': pullJobs,
  'removal Job': removals,
};
