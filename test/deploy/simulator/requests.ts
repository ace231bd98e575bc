/** One request of the comparison; they are sent in this order to both clusters. */
export type Row = {
  readonly when: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  /** Content type; default JSON. */
  readonly type?: string;
  readonly accept?: string;
  /** Whether the whole answer is compared, not only the status. */
  readonly whole?: true;
};

const json = 'application/json-patch+json';
const merge = 'application/merge-patch+json';
const apply = 'application/apply-patch+yaml';
const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';
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
const whole = (row: Row): Row => ({ ...row, whole: true });

const creation: readonly Row[] = [
  post('namespace', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }),
  whole(post('cache', caches, cache('one', fine))),
  post('cache again', caches, cache('one', fine)),
  post('no spec', caches, cache('x', undefined)),
  post('empty images', caches, cache('x', images())),
  post('an image twice', caches, cache('x', images('a:1', 'b:1', 'a:1'))),
  post('a bad reference', caches, cache('x', images('a b'))),
  post('an object for a list', caches, cache('x', { cacheSpec: { images: ['a:1'] } })),
  post('a fraction for an integer', caches, cache('x', { ...fine, pullDeadlineSeconds: 1.5 })),
  post('a policy that is none', caches, cache('x', { ...fine, imagePullPolicy: 'Sometimes' })),
  whole(post('int-or-string: percent', `${caches}?dryRun=All`, cache('x', { ...fine, maxConcurrentNodes: '10%' }))),
  post('both ways of refresh', caches, cache('x', { ...fine, refresh: { intervalSeconds: 5, schedule: '* * * * *' } })),
  whole(post('unknown field, warned of', `${caches}?dryRun=All&fieldValidation=Warn`, cache('x', { ...fine, foo: 1 }))),
  post('unknown field, strict', `${caches}?fieldValidation=Strict`, cache('x', { ...fine, foo: 1 })),
  post('a bad name', caches, cache('Bad_Name', fine)),
  post('a long name', caches, cache('x'.repeat(254), fine)),
  post('a long label value', caches, cache('x', fine, { labels: { a: 'b'.repeat(64) } })),
  post('a namespace that is not there', caches.replace(namespace, 'nowhere'), cache('x', fine)),
];

const reading: readonly Row[] = [
  whole(get('one', `${caches}/one`)),
  get('none', `${caches}/none`),
  get('unknown resource', caches.replace('imagecaches', 'others')),
  get('unknown group', '/apis/example.com/v1/things'),
  whole({ ...get('table', `${caches}/one`), accept: table }),
  whole({ ...get('list of metadata', caches), accept: metadataList }),
  whole(get('list', `${caches}?labelSelector=none=here`)),
  get('a field that cannot be selected by', `${caches}?fieldSelector=spec.suspend=true`),
  whole(get('by name', `${caches}?fieldSelector=metadata.name=none`)),
];

const changing: readonly Row[] = [
  {
    when: 'PUT of an old version',
    method: 'PUT',
    path: `${caches}/one`,
    body: cache('one', fine, { resourceVersion: '1' }),
  },
  patch('json: failing test', `${caches}/one`, json, [{ op: 'test', path: '/spec/suspend', value: true }]),
  patch('json: replace of nothing', `${caches}/one`, json, [{ op: 'replace', path: '/spec/suspend', value: true }]),
  patch('json: remove', `${caches}/one`, json, [{ op: 'remove', path: '/spec/suspend' }]),
  patch('json: remove of nothing', `${caches}/one`, json, [{ op: 'remove', path: '/spec/suspend' }]),
  patch('json: an old version', `${caches}/one`, json, [
    { op: 'replace', path: '/metadata/resourceVersion', value: '1' },
  ]),
  whole(patch('json: add', `${caches}/one`, json, [{ op: 'add', path: '/spec/suspend', value: true }])),
  patch('json: invalid result', `${caches}/one`, json, [{ op: 'add', path: '/spec/suspend', value: 'yes' }]),
  whole(patch('merge: null removes', `${caches}/one`, merge, { spec: { suspend: null } })),
  whole(patch('merge: labels', `${caches}/one`, merge, { metadata: { labels: { a: 'b' } } })),
  whole(patch('merge: status ignored', `${caches}/one`, merge, { status: { status: 'Failed' } })),
  whole(
    patch('status: merge', `${caches}/one/status`, merge, {
      status: { status: 'Succeeded', reason: 'r' },
      spec: { suspend: true },
    }),
  ),
  patch('status: wrong type', `${caches}/one/status`, merge, { status: { status: 5 } }),
  patch('unknown kind of patch', `${caches}/one`, 'application/odd', {}),
  whole(patch('apply creates', `${caches}/applied?fieldManager=me`, apply, cache('applied', fine))),
  whole(patch('apply again', `${caches}/applied?fieldManager=me`, apply, cache('applied', images('b:1')))),
];

const deleting: readonly Row[] = [
  { when: 'delete of nothing', method: 'DELETE', path: `${caches}/none` },
  {
    when: 'another uid',
    method: 'DELETE',
    path: `${caches}/one`,
    body: { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid: 'other' } },
  },
  whole({ when: 'delete', method: 'DELETE', path: `${caches}/one` }),
  whole(post('with a finalizer', caches, cache('kept', fine, { finalizers: ['example.com/hold'] }))),
  whole({ when: 'delete waits', method: 'DELETE', path: `${caches}/kept` }),
  patch('another finalizer', `${caches}/kept`, merge, {
    metadata: { finalizers: ['example.com/hold', 'example.com/more'] },
  }),
  whole(patch('last finalizer', `${caches}/kept`, merge, { metadata: { finalizers: null } })),
  get('gone', `${caches}/kept`),
];

const builtIns: readonly Row[] = [
  whole(
    post(
      'Job',
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
  post('Job without image', jobs, job('j', { restartPolicy: 'Never', containers: [{ name: 'c' }] })),
  whole(post('Pod', `${pods}?dryRun=All`, pod('p', { ...oneContainer, automountServiceAccountToken: false }))),
  post('Pod of no account', pods, pod('p', { ...oneContainer, serviceAccountName: 'none' })),
  post('Pod of no priority class', pods, pod('p', { ...oneContainer, priorityClassName: 'none' })),
  whole(
    post('Lease', leases, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'l' },
      spec: { holderIdentity: 'me', leaseDurationSeconds: 15, renewTime: '2026-01-01T00:00:00.000000Z' },
    }),
  ),
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
  whole(
    post('Node', '/api/v1/nodes?dryRun=All', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'n', labels: { a: 'b' } },
      spec: { unschedulable: true },
    }),
  ),
];

/** Requests that both clusters must answer alike. */
export const rows: readonly Row[] = [...creation, ...reading, ...changing, ...deleting, ...builtIns];
