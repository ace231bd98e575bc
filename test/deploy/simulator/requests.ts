/** One request of the comparison; they are sent in this order to both clusters. */
export type Row = {
  readonly when: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  /** Content type; default JSON. */
  readonly type?: string;
  readonly accept?: string;
  /** Whether the whole answer is compared, not only how a refusal reads. */
  readonly whole?: true;
  /** Whether only the status and reason of a refusal are compared: its words are those of Go's own libraries. */
  readonly loose?: true;
};

const json = 'application/json-patch+json';
const merge = 'application/merge-patch+json';
const strategic = 'application/strategic-merge-patch+json';
const apply = 'application/apply-patch+yaml';
const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';
const metadataOnly = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io';
const metadataList = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io';

const namespace = 'compare';
const caches = `/apis/kubefledged.io/v1alpha2/namespaces/${namespace}/imagecaches`;
const jobs = `/apis/batch/v1/namespaces/${namespace}/jobs`;
const pods = `/api/v1/namespaces/${namespace}/pods`;
const leases = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
const coreEvents = `/api/v1/namespaces/${namespace}/events`;

const cache = (name: string, spec: unknown, metadata: object = {}): object => ({
  apiVersion: 'kubefledged.io/v1alpha2',
  kind: 'ImageCache',
  metadata: { name, ...metadata },
  ...(spec === undefined ? {} : { spec }),
});
const images = (...list: readonly unknown[]): object => ({ cacheSpec: [{ images: list }] });
const fine = images('a:1');

const job = (name: string, podSpec: object, spec: object = {}): object => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name },
  spec: { ...spec, template: { spec: podSpec } },
});
const oneContainer = { restartPolicy: 'Never', containers: [{ name: 'c', image: 'a:1' }] };
const pod = (name: string, spec: object): object => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec });

const post = (when: string, path: string, body: unknown): Row => ({ when, method: 'POST', path, body });
const patch = (when: string, path: string, type: string, body: unknown): Row => ({
  when,
  method: 'PATCH',
  path,
  type,
  body,
});
const get = (when: string, path: string): Row => ({ when, method: 'GET', path });
const loose = (row: Row): Row => ({ ...row, loose: true });
const whole = (row: Row): Row => ({ ...row, whole: true });

const creation: readonly Row[] = [
  post('namespace', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }),
  whole(post('cache', caches, cache('one', fine))),
  post('cache again', caches, cache('one', fine)),
  post('no spec', caches, cache('x', undefined)),
  post('spec null', caches, cache('x', null)),
  post('empty spec', caches, cache('x', {})),
  post('no images', caches, cache('x', { cacheSpec: [{}] })),
  post('empty images', caches, cache('x', images())),
  post('an image twice', caches, cache('x', images('a:1', 'b:1', 'a:1'))),
  post('a bad reference', caches, cache('x', images('a b'))),
  post('a number for an image', caches, cache('x', images(5))),
  post('an object for a list', caches, cache('x', { cacheSpec: { images: ['a:1'] } })),
  post('a string for a boolean', caches, cache('x', { ...fine, suspend: 'yes' })),
  post('a string for an integer', caches, cache('x', { ...fine, pullDeadlineSeconds: '5' })),
  post('a fraction for an integer', caches, cache('x', { ...fine, pullDeadlineSeconds: 1.5 })),
  post('zero where one is least', caches, cache('x', { ...fine, pullDeadlineSeconds: 0 })),
  post('a policy that is none', caches, cache('x', { ...fine, imagePullPolicy: 'Sometimes' })),
  post('int-or-string: boolean', caches, cache('x', { ...fine, maxConcurrentNodes: true })),
  post('int-or-string: text', caches, cache('x', { ...fine, maxConcurrentNodes: 'ten' })),
  whole(post('int-or-string: percent', `${caches}?dryRun=All`, cache('x', { ...fine, maxConcurrentNodes: '10%' }))),
  post('both ways of refresh', caches, cache('x', { ...fine, refresh: { intervalSeconds: 5, schedule: '* * * * *' } })),
  whole(post('unknown field, warned of', `${caches}?dryRun=All&fieldValidation=Warn`, cache('x', { ...fine, foo: 1 }))),
  whole(post('unknown field, ignored', `${caches}?dryRun=All&fieldValidation=Ignore`, cache('x', { ...fine, foo: 1 }))),
  post('unknown field, strict', `${caches}?fieldValidation=Strict`, cache('x', { ...fine, foo: 1 })),
  post('unknown field in metadata', `${caches}?fieldValidation=Strict`, cache('x', fine, { foo: 1 })),
  post('unknown fieldValidation', `${caches}?fieldValidation=Odd`, cache('x', fine)),
  post('unknown dryRun', `${caches}?dryRun=Odd`, cache('x', fine)),
  post('no name', caches, cache('', fine)),
  post('a bad name', caches, cache('Bad_Name', fine)),
  post('a long name', caches, cache('x'.repeat(254), fine)),
  post('a bad label', caches, cache('x', fine, { labels: { 'a b': 'c' } })),
  post('a bad label value', caches, cache('x', fine, { labels: { a: 'b c' } })),
  post('a long label value', caches, cache('x', fine, { labels: { a: 'b'.repeat(64) } })),
  post('a bad annotation', caches, cache('x', fine, { annotations: { 'a b': 'c' } })),
  post('a bad finalizer', caches, cache('x', fine, { finalizers: ['Bad Name'] })),
  post(
    'an owner without uid',
    caches,
    cache('x', fine, { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p' }] }),
  ),
  post('another kind', caches, { ...cache('x', fine), kind: 'Other' }),
  post('another version', caches, { ...cache('x', fine), apiVersion: 'kubefledged.io/v9' }),
  post('another namespace', caches, cache('x', fine, { namespace: 'other' })),
  post('a namespace that is not there', caches.replace(namespace, 'nowhere'), cache('x', fine)),
  post('with a resourceVersion', caches, cache('x', fine, { resourceVersion: '1' })),
];

const reading: readonly Row[] = [
  whole(get('one', `${caches}/one`)),
  get('none', `${caches}/none`),
  get('unknown resource', caches.replace('imagecaches', 'others')),
  get('unknown group', '/apis/example.com/v1/things'),
  get('unknown version', '/apis/batch/v9/jobs'),
  get('unknown subresource', `${caches}/one/other`),
  get('unknown path', '/nothing/here'),
  whole({ ...get('table', `${caches}/one`), accept: table }),
  whole({ ...get('table of none', caches.replace(namespace, 'nowhere')), accept: table }),
  whole({ ...get('metadata', `${caches}/one`), accept: metadataOnly }),
  whole({ ...get('list of metadata', caches), accept: metadataList }),
  whole(get('list', `${caches}?labelSelector=none=here`)),
  loose(get('a bad label selector', `${caches}?labelSelector=${encodeURIComponent('a in b')}`)),
  get('a bad field selector', `${caches}?fieldSelector=odd`),
  get('a field that cannot be selected by', `${caches}?fieldSelector=spec.suspend=true`),
  get('the same of pods', `${pods}?fieldSelector=spec.other=true`),
  whole(get('by name', `${caches}?fieldSelector=metadata.name=none`)),
  loose(get('a bad continue', `${caches}?limit=1&continue=odd`)),
  get('a version that is none', `${caches}?resourceVersion=odd`),
  get('resourceVersionMatch without version', `${caches}?resourceVersionMatch=Exact`),
];

const changing: readonly Row[] = [
  { when: 'PUT without resourceVersion', method: 'PUT', path: `${caches}/one`, body: cache('one', fine) },
  {
    when: 'PUT of an old version',
    method: 'PUT',
    path: `${caches}/one`,
    body: cache('one', fine, { resourceVersion: '1' }),
  },
  {
    when: 'PUT of another name',
    method: 'PUT',
    path: `${caches}/one`,
    body: cache('two', fine, { resourceVersion: '1' }),
  },
  {
    when: 'PUT of what is not there',
    method: 'PUT',
    path: `${caches}/none`,
    body: cache('none', fine, { resourceVersion: '1' }),
  },
  loose({
    when: 'PUT with another uid',
    method: 'PUT',
    path: `${caches}/one`,
    body: cache('one', fine, { uid: 'other', resourceVersion: '1' }),
  }),
  patch('json: failing test', `${caches}/one`, json, [{ op: 'test', path: '/spec/suspend', value: true }]),
  patch('json: replace of nothing', `${caches}/one`, json, [{ op: 'replace', path: '/spec/suspend', value: true }]),
  patch('json: remove', `${caches}/one`, json, [{ op: 'remove', path: '/spec/suspend' }]),
  patch('json: remove of nothing', `${caches}/one`, json, [{ op: 'remove', path: '/spec/suspend' }]),
  patch('json: replace deep in nothing', `${caches}/one`, json, [
    { op: 'replace', path: '/spec/refresh/schedule', value: '' },
  ]),
  patch('json: add deep in nothing', `${caches}/one`, json, [{ op: 'add', path: '/spec/refresh/schedule', value: '' }]),
  patch('json: unknown operation', `${caches}/one`, json, [{ op: 'odd', path: '/spec/suspend' }]),
  patch('json: an object', `${caches}/one`, json, { op: 'add' }),
  patch('json: an old version', `${caches}/one`, json, [
    { op: 'replace', path: '/metadata/resourceVersion', value: '1' },
  ]),
  patch('json: test of an old version', `${caches}/one`, json, [
    { op: 'test', path: '/metadata/resourceVersion', value: '1' },
  ]),
  whole(patch('json: add', `${caches}/one`, json, [{ op: 'add', path: '/spec/suspend', value: true }])),
  patch('json: invalid result', `${caches}/one`, json, [{ op: 'add', path: '/spec/suspend', value: 'yes' }]),
  patch('merge: a list', `${caches}/one`, merge, []),
  patch('merge: an old version', `${caches}/one`, merge, { metadata: { resourceVersion: '1' } }),
  whole(patch('merge: null removes', `${caches}/one`, merge, { spec: { suspend: null } })),
  patch('merge: another name', `${caches}/one`, merge, { metadata: { name: 'two' } }),
  whole(patch('merge: labels', `${caches}/one`, merge, { metadata: { labels: { a: 'b' } } })),
  patch('merge: of what is not there', `${caches}/none`, merge, {}),
  whole(patch('merge: status ignored', `${caches}/one`, merge, { status: { status: 'Failed' } })),
  whole(
    patch('status: merge', `${caches}/one/status`, merge, {
      status: { status: 'Succeeded', reason: 'r' },
      spec: { suspend: true },
      metadata: { labels: { c: 'd' } },
    }),
  ),
  patch('status: wrong type', `${caches}/one/status`, merge, { status: { status: 5 } }),
  patch('status: condition twice', `${caches}/one/status`, merge, {
    status: {
      conditions: ['True', 'False'].map((status) => ({
        type: 'Ready',
        status,
        reason: 'R',
        message: '',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      })),
    },
  }),
  patch('status: condition without status', `${caches}/one/status`, merge, {
    status: { conditions: [{ type: 'Ready' }] },
  }),
  patch('strategic of a custom resource', `${caches}/one`, strategic, {}),
  patch('unknown kind of patch', `${caches}/one`, 'application/odd', {}),
];

const applying: readonly Row[] = [
  patch('apply without manager', `${caches}/one`, apply, cache('one', fine)),
  whole(
    patch('apply creates', `${caches}/applied?fieldManager=me`, apply, cache('applied', { ...fine, suspend: true })),
  ),
  whole(patch('apply again', `${caches}/applied?fieldManager=me`, apply, cache('applied', { ...fine, suspend: true }))),
  patch(
    'apply by another, other value',
    `${caches}/applied?fieldManager=you`,
    apply,
    cache('applied', { ...fine, suspend: false }),
  ),
  whole(
    patch(
      'apply by another, same value',
      `${caches}/applied?fieldManager=you`,
      apply,
      cache('applied', { ...fine, suspend: true }),
    ),
  ),
  patch(
    'apply by a third, two conflicts',
    `${caches}/applied?fieldManager=them`,
    apply,
    cache('applied', { ...images('b:1'), suspend: false }),
  ),
  whole(patch('apply leaves out what another has', `${caches}/applied?fieldManager=me`, apply, cache('applied', fine))),
  whole(patch('apply leaves out what none has', `${caches}/applied?fieldManager=you`, apply, cache('applied', fine))),
  whole(
    patch('apply by force', `${caches}/applied?fieldManager=them&force=true`, apply, cache('applied', images('b:1'))),
  ),
  whole(
    patch('status by merge', `${caches}/applied/status?fieldManager=controller`, merge, {
      status: { status: 'Processing' },
    }),
  ),
  patch('apply of status, conflict', `${caches}/applied/status?fieldManager=me`, apply, {
    ...cache('applied', undefined),
    status: { status: 'Failed' },
  }),
  patch(
    'apply, unknown field',
    `${caches}/applied?fieldManager=me&fieldValidation=Strict`,
    apply,
    cache('applied', { ...fine, foo: 1 }),
  ),
  patch(
    'apply with an old version',
    `${caches}/applied?fieldManager=me&force=true`,
    apply,
    cache('applied', fine, { resourceVersion: '1' }),
  ),
  patch('apply without kind', `${caches}/applied?fieldManager=me`, apply, { metadata: { name: 'applied' } }),
];

const deleting: readonly Row[] = [
  { when: 'delete of nothing', method: 'DELETE', path: `${caches}/none` },
  {
    when: 'another uid',
    method: 'DELETE',
    path: `${caches}/one`,
    body: { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid: 'other' } },
  },
  {
    when: 'another version',
    method: 'DELETE',
    path: `${caches}/one`,
    body: { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { resourceVersion: '1' } },
  },
  { when: 'unknown propagation', method: 'DELETE', path: `${caches}/one?propagationPolicy=Odd` },
  whole({ when: 'delete', method: 'DELETE', path: `${caches}/one` }),
  whole(post('with a finalizer', caches, cache('kept', fine, { finalizers: ['example.com/hold'] }))),
  whole({ when: 'delete waits', method: 'DELETE', path: `${caches}/kept` }),
  loose(
    patch('another finalizer', `${caches}/kept`, merge, {
      metadata: { finalizers: ['example.com/hold', 'example.com/more'] },
    }),
  ),
  whole(patch('last finalizer', `${caches}/kept`, merge, { metadata: { finalizers: null } })),
  get('gone', `${caches}/kept`),
];

const builtIns: readonly Row[] = [
  whole(post('Job', `${jobs}?dryRun=All`, job('j', oneContainer))),
  whole(
    post(
      'Job, more of it',
      `${jobs}?dryRun=All`,
      job(
        'j',
        {
          ...oneContainer,
          terminationGracePeriodSeconds: 0,
          initContainers: [{ name: 'i', image: 'b' }],
          volumes: [
            { name: 'v', image: { reference: 'c:1' } },
            { name: 'e', emptyDir: {} },
          ],
          tolerations: [{ operator: 'Exists' }],
        },
        { backoffLimit: 0, ttlSecondsAfterFinished: 5, activeDeadlineSeconds: 10 },
      ),
    ),
  ),
  post('Job without containers', jobs, job('j', { restartPolicy: 'Never' })),
  post('Job without restartPolicy', jobs, job('j', { containers: [{ name: 'c', image: 'a' }] })),
  post('Job that always restarts', jobs, job('j', { ...oneContainer, restartPolicy: 'Always' })),
  post('Job without image', jobs, job('j', { restartPolicy: 'Never', containers: [{ name: 'c' }] })),
  post(
    'Job with a container twice',
    jobs,
    job('j', {
      restartPolicy: 'Never',
      containers: [
        { name: 'c', image: 'a' },
        { name: 'c', image: 'a' },
      ],
    }),
  ),
  post(
    'Job with a bad container name',
    jobs,
    job('j', { restartPolicy: 'Never', containers: [{ name: 'C', image: 'a' }] }),
  ),
  loose(post('Job with a wrong type', jobs, job('j', oneContainer, { parallelism: 'one' }))),
  post('Job with an unknown field', `${jobs}?fieldValidation=Strict`, job('j', oneContainer, { foo: 1 })),
  post(
    'Job with an unknown field deep inside',
    `${jobs}?fieldValidation=Strict`,
    job('j', { ...oneContainer, containers: [{ name: 'c', image: 'a', foo: 1 }] }),
  ),
  loose(post('Job with a long name', jobs, job('j'.repeat(64), oneContainer))),
  whole(post('Pod', `${pods}?dryRun=All`, pod('p', { ...oneContainer, automountServiceAccountToken: false }))),
  post('Pod without containers', pods, pod('p', {})),
  post('Pod of no account', pods, pod('p', { ...oneContainer, serviceAccountName: 'none' })),
  post('Pod of no priority class', pods, pod('p', { ...oneContainer, priorityClassName: 'none' })),
  post('quota', `/api/v1/namespaces/${namespace}/resourcequotas`, {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'q' },
    spec: { hard: { pods: '0' } },
  }),
  whole(
    post('Lease', leases, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'l' },
      spec: { holderIdentity: 'me', leaseDurationSeconds: 15, renewTime: '2026-01-01T00:00:00.000000Z' },
    }),
  ),
  {
    when: 'Lease, PUT without version',
    method: 'PUT',
    path: `${leases}/l`,
    body: {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'l' },
      spec: { holderIdentity: 'me' },
    },
  },
  {
    when: 'Lease, PUT of an old version',
    method: 'PUT',
    path: `${leases}/l`,
    body: {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'l', resourceVersion: '1' },
      spec: { holderIdentity: 'me' },
    },
  },
  whole({
    when: 'Lease, PUT of a new one',
    method: 'PUT',
    path: `${leases}/n`,
    body: {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'n' },
      spec: { holderIdentity: 'me' },
    },
  }),
  whole({ ...get('Leases as a table', leases), accept: table }),
  whole(
    post('Event', coreEvents, {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'e.1' },
      involvedObject: { kind: 'ImageCache', name: 'one', namespace },
      reason: 'R',
      message: 'm',
      type: 'Warning',
      source: { component: 'c' },
      firstTimestamp: '2026-01-01T00:00:00Z',
      lastTimestamp: '2026-01-01T00:00:00Z',
      count: 1,
    }),
  ),
  whole(
    get(
      'Events by what they are about',
      `${coreEvents}?fieldSelector=involvedObject.name=one,involvedObject.kind=ImageCache`,
    ),
  ),
  post('Event in another namespace than its object', coreEvents, {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'e.2' },
    involvedObject: { kind: 'ImageCache', name: 'one', namespace: 'other' },
  }),
  whole(
    post('Secret', `/api/v1/namespaces/${namespace}/secrets`, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's' },
      stringData: { a: 'b' },
    }),
  ),
  whole(
    post('Node', '/api/v1/nodes?dryRun=All', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'n', labels: { a: 'b' } },
      spec: { unschedulable: true },
    }),
  ),
  whole({
    ...get('CRD as a table', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions?includeObject=None'),
    accept: table,
  }),
  post('Namespace with a bad name', '/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'a.b' },
  }),
  { when: 'nodes in a namespace', method: 'GET', path: `/api/v1/namespaces/${namespace}/nodes` },
  post('a cache without a namespace', '/apis/kubefledged.io/v1alpha2/imagecaches', cache('x', fine)),
];

const hardened = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
const restrictedSpec = {
  restartPolicy: 'Never',
  securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
  containers: [{ name: 'c', image: 'a:1', securityContext: hardened }],
};
const withSettings = (settings: object): object => ({
  ...restrictedSpec,
  containers: [{ name: 'c', image: 'a:1', securityContext: { ...hardened, ...settings } }],
});

const restrictedPods: readonly (readonly [when: string, spec: object])[] = [
  ['without settings', oneContainer],
  ['with all settings', { ...restrictedSpec, volumes: [{ name: 'i', image: { reference: 'b:1' } }] }],
  ['with a host network', { ...restrictedSpec, hostNetwork: true }],
  ['with a host path', { ...restrictedSpec, volumes: [{ name: 'h', hostPath: { path: '/' } }] }],
  ['with another capability', withSettings({ capabilities: { drop: ['ALL'], add: ['CHOWN'] } })],
  ['with a privileged container', withSettings({ privileged: true, allowPrivilegeEscalation: true })],
  ['whose container runs as root', withSettings({ runAsNonRoot: false, runAsUser: 0 })],
  ['without a seccomp profile', { ...restrictedSpec, securityContext: { runAsNonRoot: true } }],
];

const priorityClasses = '/apis/scheduling.k8s.io/v1/priorityclasses';

const admission: readonly Row[] = [
  post('PriorityClass', priorityClasses, {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name: 'compare-high' },
    value: 1000,
  }),
  whole(
    post(
      'Pod with a priority class',
      `${pods}?dryRun=All`,
      pod('p', { ...oneContainer, automountServiceAccountToken: false, priorityClassName: 'compare-high' }),
    ),
  ),
  { when: 'PriorityClass deleted', method: 'DELETE', path: `${priorityClasses}/compare-high` },
  post('namespace that enforces restricted', '/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'compare-restricted', labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
  }),
  // The default service account may not exist yet.
  post('account under restricted', '/api/v1/namespaces/compare-restricted/serviceaccounts', {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'mine' },
  }),
  ...restrictedPods.map(([when, spec]) =>
    // The simulator gives the reasons without their details.
    loose(
      post(
        `Pod ${when} under restricted`,
        '/api/v1/namespaces/compare-restricted/pods?dryRun=All',
        pod('p', { ...spec, serviceAccountName: 'mine', automountServiceAccountToken: false }),
      ),
    ),
  ),
];

/** Requests that both clusters must answer alike. */
export const rows: readonly Row[] = [
  ...creation,
  ...reading,
  ...changing,
  ...applying,
  ...deleting,
  ...admission,
  ...builtIns,
];
