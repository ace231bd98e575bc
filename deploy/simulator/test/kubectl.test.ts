import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, type Kubectl, kubectlAt, kubectls, type TestSimulator, testSimulator } from '../testing.ts';

const found = kubectls();

const cache = (name: string, spec: object = {}) => ({
  apiVersion: 'kubefledged.io/v1alpha2',
  kind: 'ImageCache',
  metadata: { name },
  spec: { cacheSpec: [{ images: ['nginx:1.27'] }], ...spec },
});

test('without any kubectl, the same by HTTP alone', async () => {
  const { ask, stop } = await testSimulator();
  const path = '/apis/kubefledged.io/v1alpha2/namespaces/default/imagecaches';
  const type = 'application/merge-patch+json';
  const answers = [
    await ask({ method: 'POST', path, body: cache('one') }),
    await ask({ method: 'GET', path: `${path}/one` }),
    await ask({ method: 'PATCH', path: `${path}/one`, type, body: { spec: { suspend: true } } }),
    await ask({ method: 'DELETE', path: `${path}/one` }),
    await ask({ method: 'GET', path: `${path}/one` }),
  ];
  expect(answers.map(({ status }) => status)).toEqual([201, 200, 200, 200, 404]);
  await stop();
});

describe.each(found)('on the simulator, %s', (program) => {
  let cluster: TestSimulator;
  let kubectl: Kubectl;
  beforeAll(async () => {
    cluster = await testSimulator();
    kubectl = kubectlAt(program, cluster.kubeconfig, { KUBE_EDITOR: 'sed -i s/nginx:1.27/nginx:1.28/' });
  });
  afterAll(() => cluster.stop());

  const says = async (command: string, text: string, input?: unknown): Promise<void> => {
    const { out } = await kubectl(command, input);
    expect(out).toContain(text);
  };

  test('creates, applies, edits, patches, labels and annotates', async () => {
    await says('create -f -', 'imagecache.kubefledged.io/one created', cache('one'));
    await says('create -f -', '(AlreadyExists)', cache('one'));
    await says('apply -f -', 'imagecache.kubefledged.io/two created', cache('two'));
    await says('apply -f -', 'imagecache.kubefledged.io/two unchanged', cache('two'));
    await says('apply -f -', 'imagecache.kubefledged.io/two configured', cache('two', { suspend: true }));
    await says('edit ic two', 'imagecache.kubefledged.io/two edited');
    await says('get ic two -o jsonpath={.spec.cacheSpec[0].images[0]}', 'nginx:1.28');
    await says('patch ic one --type=merge -p {"spec":{"suspend":true}}', 'one patched');
    await says('patch ic one --type=json -p [{"op":"remove","path":"/spec/suspend"}]', 'one patched');
    await says('label ic one a=b', 'one labeled');
    await says('annotate ic one kubefledged.io/refresh-imagecache=', 'one annotated');
    await says('get ic -l a=b -o name', 'imagecache.kubefledged.io/one');
    await says('get ic -A --field-selector metadata.name=two -o name', 'imagecache.kubefledged.io/two');
  });

  test('applies on the server', async () => {
    await says('apply --server-side -f -', 'serverside-applied', cache('owned'));
    await says('apply --server-side -f -', 'serverside-applied', cache('owned', { suspend: true }));
    await says('get ic owned -o jsonpath={.spec.suspend}', 'true');
  });

  test('is refused what the CRD refuses, with its texts', async () => {
    const bad = (spec: object): object => ({ ...cache('bad'), spec });
    await says('apply -f -', 'unknown field "spec.odd"', cache('bad', { odd: 1 }));
    await says(
      'apply -f -',
      'Invalid value: No images specified within image list',
      bad({ cacheSpec: [{ images: [] }] }),
    );
    await says(
      'apply -f -',
      'more than 1000 items',
      bad({ cacheSpec: [{ images: Array.from({ length: 1001 }, (_, index) => `a:${index}`) }] }),
    );
    await says('apply --dry-run=server -f -', 'created (server dry run)', cache('bad'));
    await says('get ic bad', '(NotFound)');
  });

  test('prints tables with the columns of the CRD, and describes', async () => {
    await kubectl(
      'patch ic one --subresource=status --type=merge -p {"status":{"status":"Succeeded","nodesReady":"3/3"}}',
    );
    const { out } = await kubectl('get ic one');
    expect(out.split('\n').map((line) => line.split(/\s{2,}/).slice(0, 3))).toEqual([
      ['NAME', 'STATUS', 'NODES'],
      ['one', 'Succeeded', '3/3'],
      [''],
    ]);
    await says('get ic one -o wide', 'MESSAGE');
    await says('describe ic one', 'Nodes Ready:');
    await says('get nodes', 'v1.36.3');
    await says('describe node node-1', 'kubelet is posting ready status');
  });

  test('waits for conditions, for values and for deletion', async () => {
    const ready = [
      { type: 'Ready', status: 'True', reason: 'R', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
    ];
    const waiting = kubectl('wait --for=condition=Ready ic/one --timeout=10s');
    await kubectl(
      `patch ic one --subresource=status --type=merge -p ${JSON.stringify({ status: { conditions: ready } })}`,
    );
    expect(await waiting).toMatchObject({ code: 0 });
    expect(await kubectl('wait --for=jsonpath={.status.status}=Succeeded ic/one --timeout=5s')).toMatchObject({
      code: 0,
    });
    const gone = kubectl('wait --for=delete ic/one --timeout=10s');
    await says('delete ic one', '"one" deleted');
    expect(await gone).toMatchObject({ code: 0 });
  });

  test('explains, and lists what is served', async () => {
    await says('explain imagecache.spec.cacheSpec.images', 'images is the list of image references');
    await says('explain job.spec.backoffLimit', 'backoffLimit <integer>');
    await says('api-resources --no-headers -o name', 'imagecaches.kubefledged.io');
    await says('version', 'Server Version: v1.36.3');
    await says('get all', 'No resources found');
  });

  test('creates namespaces, quotas and Jobs from manifests, and shows the Events', async () => {
    const job = (name: string) => ({
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name, namespace: 'team' },
      spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'busybox:1' }] } } },
    });
    await says('create -f -', 'namespace/team created', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'team' },
    });
    await says('apply -f -', 'job.batch/hello created', job('hello'));
    await says('wait --for=condition=Complete job/hello -n team --timeout=10s', 'condition met');
    await says('events -n team', 'Successfully pulled image "busybox:1"');
    await says('describe job hello -n team', 'Job completed');
    await says('create -f -', 'resourcequota/none created', {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'none', namespace: 'team' },
      spec: { hard: { pods: '0' } },
    });
    await says('create -f -', 'job.batch/more created', job('more'));
    await eventually(
      () => kubectl('get events -n team'),
      ({ out }) => out.includes('exceeded quota: none, requested: pods=1'),
    );
    await says('delete job hello -n team', '"hello" deleted');
    await says('wait --for=delete pods --all -n team --timeout=10s', '');
    await says('get pods -n team', 'No resources found');
    await says('delete namespace team', '"team" deleted');
  });

  test('cordons, uncordons, taints, labels, adds and deletes nodes', async () => {
    await says('cordon node-1', 'node/node-1 cordoned');
    await says('get nodes', 'Ready,SchedulingDisabled');
    await says('uncordon node-1', 'node/node-1 uncordoned');
    await says('taint node node-1 a=b:NoSchedule', 'node/node-1 tainted');
    await says('label node node-1 tier=backend', 'node/node-1 labeled');
    await says('create -f -', 'node/extra created', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'extra' } });
    await says('wait --for=condition=Ready node/extra --timeout=10s', 'condition met');
    await says('delete node extra', '"extra" deleted');
  });
});
