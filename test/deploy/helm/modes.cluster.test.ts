import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { functionNames } from '#model/cache/cloud-event.ts';
import { allSettings } from '#runtime/config/config.ts';
import { deployedName } from '../../interop/deployed-name.ts';
import { sharedLab } from '../../cluster/shared-lab.ts';
import { chart, helm, type Manifest, manifestsIn, rendered, root } from './chart.ts';
import { bound, comparable, named, rightsOf } from './comparable.ts';

const lab = await sharedLab();
const ways = { 'our-source': ['mode=knative'], 'knative-sources': ['mode=knative', 'knative.source=knative'] } as const;
const modes: Readonly<Record<string, readonly string[]>> = {
  standalone: [],
  'knative with our source': ways['our-source'],
  'knative with its sources': ways['knative-sources'],
  'openfaas CE': ['mode=openfaas'],
  'openfaas Pro': ['mode=openfaas', 'openfaas.edition=pro', 'openfaas.functions.create=true'],
};
const budget = String.raw`registries.budgets.docker\.io.pullsPerHour=80`;
const inModes = Object.entries(modes);
const of = async (values: readonly string[]): Promise<readonly Manifest[]> =>
  manifestsIn(await rendered(lab, ...values));
const serviceAccount = (name: string): string => `system:serviceaccount:kube-fledged:${name}`;

/** Kinds that the API server of the lab serves. */
const isBuiltIn = ({ apiVersion }: Manifest): boolean => !/knative|openfaas/.test(apiVersion);

describe.each(inModes)('the chart in mode %s', (_, values) => {
  it('passes helm lint without a warning', async () => {
    const sets = values.flatMap((value) => ['--set', value]);
    expect(await helm(lab, 'lint', '--strict', '--quiet', chart, ...sets)).toMatchObject({ code: 0, stderr: '' });
  });

  const everything = [
    'warmGate.taints={example.com/cold}',
    'registries.readPullSecretsOf={apps}',
    budget,
    'networkPolicy.limitEgress=true',
    'networkPolicy.functionsIngressFrom[0].namespaceSelector.matchLabels.name=monitoring',
    'controllerReplicaCount=2',
    'statusPage.enabled=true',
    'jobPriorityClass.create=true',
    'workloads.kinds={Deployment,Pod,Revision,Rollout=argoproj.io/v1alpha1/rollouts:spec.template}',
    'knativeImages.enabled=true',
    'knativeImages.namespaces={apps}',
  ];
  it.each([
    ['by default', []],
    ['with everything enabled', everything],
    ['limited to namespaces', ['tenancy.namespaces={apps,kube-fledged}', ...everything]],
  ])('is accepted by the API server %s, without duplicate objects', async (_, more) => {
    const manifests = await of([...values, ...more]);
    const names = manifests.map(named);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    for (const namespace of ['kube-fledged', 'apps']) await lab.kubectl('create', 'namespace', namespace);
    const list = { apiVersion: 'v1', kind: 'List', items: manifests.filter(isBuiltIn) };
    const apply = ['apply', '--server-side', '--force-conflicts', '--dry-run=server', '--validate=strict', '-f', '-'];
    expect(await lab.kubectlWith(JSON.stringify(list), ...apply)).toMatchObject({ code: 0, stderr: '' });
  });

  it('limits every account that may create Jobs or Leases by the admission policy', async () => {
    const manifests = await of(values);
    const makers = bound(manifests, 'batch', 'jobs', 'create').map(serviceAccount);
    const leaders = bound(manifests, 'coordination.k8s.io', 'leases', 'create').map(serviceAccount);
    expect(makers.length).toBeGreaterThan(0);
    const policies = manifests.filter(({ kind }) => kind === 'ValidatingAdmissionPolicy');
    expect(policies).toHaveLength(2);
    for (const policy of policies) {
      const { matchConditions } = policy['spec'] as { matchConditions: readonly { expression: string }[] };
      const users: unknown = JSON.parse(/\[.*\]/.exec(matchConditions[0]?.expression ?? '')?.[0] ?? '[]');
      if (named(policy).endsWith('-jobs')) expect(users).toEqual(makers);
      else expect(users).toEqual(expect.arrayContaining([...makers, ...leaders]));
    }
  });

  it('grants rights only in the namespaces of tenancy.namespaces, except for cluster-scoped resources', async () => {
    const manifests = await of([...values, 'tenancy.namespaces={apps,team}', 'warmGate.taints={example.com/cold}']);
    const everywhere = rightsOf(manifests, 'ClusterRoleBinding').map(({ resource }) => resource);
    expect(new Set(everywhere)).toEqual(
      new Set([
        'nodes',
        'startuptaints',
        ...(everywhere.includes('validatingwebhookconfigurations') ? ['validatingwebhookconfigurations'] : []),
      ]),
    );
    const places = rightsOf(manifests, 'RoleBinding');
    const where = (resource: string) =>
      [...new Set(places.filter((each) => each.resource === resource).map(({ namespace }) => namespace))].toSorted();
    expect(where('imagecaches')).toEqual(['apps', 'team']);
    expect(where('jobs')).toEqual(['apps', 'kube-fledged', 'team']);
  });

  it('grants to read the workloads that it names, and no others', async () => {
    const kinds = 'workloads.kinds={Deployment,Rollout=argoproj.io/v1alpha1/rollouts:spec.template}';
    const [without, having] = [await of(values), await of([...values, kinds])].map((manifests) =>
      rightsOf(manifests, 'ClusterRoleBinding').map(({ resource, verb }) => `${verb} ${resource}`),
    );
    const added = [...new Set(having)].filter((right) => without?.includes(right) === false);
    const watches = values.includes('knative.source=knative') ? [] : ['watch deployments', 'watch rollouts'];
    expect(added.toSorted()).toEqual(
      ['list deployments', 'list rollouts', 'list serviceaccounts', ...watches].toSorted(),
    );
  });

  it('grants to serve the Images of Knative if they are enabled, and nothing else', async () => {
    const [without, having] = [await of(values), await of([...values, 'knativeImages.enabled=true'])].map((manifests) =>
      rightsOf(manifests, 'ClusterRoleBinding').map(({ resource, verb }) => `${verb} ${resource}`),
    );
    const added = [...new Set(having)].filter((right) => without?.includes(right) === false);
    const watches = values.includes('knative.source=knative') ? [] : ['watch images'];
    const made = ['create imagecaches', 'delete imagecaches', 'list revisions', 'list serviceaccounts'];
    expect(added.toSorted()).toEqual(['list images', 'patch images/status', ...made, ...watches].toSorted());
  });

  it('creates the Lease of its process, which may create it again if it is deleted', async () => {
    const manifests = await of(values);
    const leases = rightsOf(manifests, 'RoleBinding').filter(({ resource }) => resource === 'leases');
    const hasProcess = manifests.some(({ kind }) => kind === 'Deployment');
    expect(leases.map(({ verb, name }) => [verb, name])).toEqual(
      hasProcess ? [...['get', 'update'].map((verb) => [verb, 'imagecache-functions-source']), ['create', '']] : [],
    );
    expect(manifests.filter(({ kind }) => kind === 'Lease')).toHaveLength(hasProcess ? 1 : 0);
  });

  it('enables the status page on request', async () => {
    const [without, having] = [
      await rendered(lab, ...values),
      await rendered(lab, ...values, 'statusPage.enabled=true'),
    ];
    expect(without).not.toContain('STATUS_PAGE');
    expect(having.includes('{name: STATUS_PAGE, value: "true"}')).toBe(having.includes('kind: Deployment'));
  });
});

describe.each(Object.entries(ways))('the chart on Knative, compared with deploy/knative/%s', (way, values) => {
  it('renders the same objects, filters and rights', async () => {
    const text = await lab.ask('kustomize', join(root, 'deploy/knative', way));
    const theirs = comparable(manifestsIn(text));
    const ours = comparable(await of(values));
    // Only the folder has the namespace, and only the chart has roles for users and a Service for metrics.
    theirs.delete('Namespace /kube-fledged');
    for (const name of ['viewer', 'editor']) ours.delete(`ClusterRole /imagecache-functions-${name}`);
    ours.delete('Service kube-fledged/imagecache-functions-source');
    expect([...ours.keys()].toSorted()).toEqual([...theirs.keys()].toSorted());
    for (const [name, theirOwn] of theirs) expect(ours.get(name), name).toEqual(theirOwn);
  });

  it('only sets variables that the functions have', async () => {
    const manifests = await of([
      ...[...values, budget],
      ...['tenancy.namespaces={apps}', 'warmGate.taints={example.com/cold}'],
    ]);
    const data = manifests.find(({ kind }) => kind === 'ConfigMap')?.['data'] as Readonly<Record<string, string>>;
    const known = new Set(allSettings.flatMap(({ env }) => env ?? []));
    expect(Object.keys(data).filter((name) => !known.has(name))).toEqual([]);
    expect(data).toMatchObject({ WATCH_NAMESPACES: 'apps', WARM_GATE_TAINTS: 'example.com/cold', LOG_LEVEL: 'info' });
    expect(JSON.parse(data['REGISTRY_BUDGETS'] ?? '')).toEqual({ 'docker.io': { pullsPerHour: 80 } });
  });

  it('allows every function to list caches for the warm gate, and for budgets', async () => {
    const listers = (...more: readonly string[]) =>
      of([...values, ...more]).then((manifests) => bound(manifests, 'kubefledged.io', 'imagecaches', 'list'));
    const functions = functionNames
      .filter((name) => name !== 'job-complete')
      .map(deployedName)
      .toSorted();
    const all = functionNames.map(deployedName).toSorted();
    const withoutSource = (names: readonly string[]) => names.filter((name) => !name.endsWith('-source')).toSorted();
    expect(withoutSource(await listers())).toEqual(functions);
    expect(withoutSource(await listers('warmGate.taints={example.com/cold}'))).toEqual(all);
    expect(withoutSource(await listers(budget))).toEqual(all);
  });
});

it('ApiServerSource only watches the namespaces of caches and of removal Jobs', async () => {
  const manifests = await of([...ways['knative-sources'], 'tenancy.namespaces={apps}']);
  expect(manifests.find(({ kind }) => kind === 'ApiServerSource')).toMatchObject({
    spec: {
      namespaceSelector: {
        matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: ['apps', 'kube-fledged'] }],
      },
    },
  });
});

it.each([
  [['mode=openfaas', 'extraArgs[0]=--registry-insecure=a:5000'], 'use extraEnv'],
  [['mode=openfaas', 'openfaas.functions.create=true'], 'deploy stack.yml with faas-cli'],
  [['extraEnv[0].name=WATCH_NAMESPACES'], '/extraEnv/0'],
  [['tenancy.namespaces={*}'], '/tenancy/namespaces/0'],
  [['tenancy.mode=Isolated'], 'tenancy.mode Isolated requires tenancy.images'],
  [['tenancy.images.apps={registry.example.com/apps/*}'], 'only for tenancy.mode Isolated'],
  [['tenancy.mode=Isolated', 'tenancy.images.apps={nginx}'], '/tenancy/images/apps/0'],
  [
    ['tenancy.mode=Isolated', 'tenancy.images.apps={a.b/c}', 'admissionPolicy.create=false'],
    'requires admissionPolicy.create',
  ],
  [
    ['tenancy.mode=Isolated', 'tenancy.images.apps={a.b/c}', 'registries.readPullSecretsOf={apps}'],
    'registries.readPullSecretsOf is not for tenancy.mode Isolated',
  ],
  [['knative.source=kafka'], '/knative/source'],
  [['registries.budgets.a=80'], '/registries/budgets/a'],
  [['registries.budgets.a.pullsPerHour=0'], '/registries/budgets/a/pullsPerHour'],
])('%j is rejected', async (values, message) => {
  await expect(rendered(lab, ...values)).rejects.toThrow(message);
});
