import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { sharedLab } from '../../cluster/shared-lab.ts';
import { allSettings } from '#runtime/config/config.ts';
import { chart, helm, manifestsIn, notes, rendered, renderedReusing, root } from './chart.ts';
import { kubeFledgedValues } from './kube-fledged-values.ts';

const lab = await sharedLab();
for (const namespace of ['kube-fledged', 'apps']) await lab.kubectl('create', 'namespace', namespace); // or it exists
const errorOf = async (...values: readonly string[]): Promise<string> =>
  rendered(lab, ...values).then(
    () => 'nothing',
    (error: unknown) => String(error),
  );

const modes = ['standalone', 'knative', 'openfaas'];
const mapValues = (object: object, map: (value: unknown) => unknown): object =>
  Object.fromEntries(Object.entries(object).map(([name, value]) => [name, map(value)]));

/** Typical values. */
const settings: Readonly<Record<string, readonly string[]>> = {
  defaults: [],
  'three replicas': ['controllerReplicaCount=3', 'podDisruptionBudget.maxUnavailable=2'],
  'kube-fledged’s values': [
    'args.controllerLogLevel=WARNING',
    'args.controllerImagePullDeadlineDuration=1h30m',
    'args.controllerImageCacheRefreshFrequency=0s',
    'args.controllerImagePullPolicy=Always',
    'args.controllerServiceAccountName=puller',
    'args.controllerImageDeleteJobHostNetwork=true',
    'args.controllerJobPriorityClassName=low',
    'args.controllerJobRetentionPolicy=retain',
    'args.controllerCRISocketPath=/run/x.sock',
    'args.controllerJobsMaxSurge=10',
    'controller.hostNetwork=true',
    'controller.priorityClassName=system-cluster-critical',
    'nodeSelector.pool=infra',
    'tolerations[0].operator=Exists',
    'imagePullSecrets[0].name=regcred',
    'nameOverride=cache',
    'fullnameOverride=warm',
    'serviceAccount.name=warm-images',
  ],
  'an existing account and roles': [
    'serviceAccount.create=false',
    'serviceAccount.name=mine',
    'clusterRole.create=false',
    'clusterRoleBinding.create=false',
  ],
  'everything that is off by default': [
    'networkPolicy.limitEgress=true',
    'networkPolicy.ingressFrom[0].namespaceSelector.matchLabels.name=monitoring',
    'networkPolicy.extraEgress[0].ports[0].port=5000',
    'jobPriorityClass.create=true',
    'registries.readPullSecretsOf={apps,default}',
    String.raw`registries.budgets.docker\.io.pullsPerHour=80`,
    'warmGate.taints={example.com/cold,example.com/other}',
    'podAnnotations.a=b',
    'podLabels.a=b',
    'commonLabels.team=platform',
    'serviceAnnotations.a=b',
    'deploymentAnnotations.a=b',
    'revisionHistoryLimit=2',
    'extraEnvFrom[0].configMapRef.name=proxy',
    'extraVolumes[0].name=ca',
    'extraVolumes[0].configMap.name=ca',
    'extraVolumeMounts[0].name=ca',
    'extraVolumeMounts[0].mountPath=/etc/ca',
    'extraContainers[0].name=proxy',
    'extraContainers[0].image=proxy:1',
    'dnsConfig.options[0].name=ndots',
    'hostAliases[0].ip=10.1.2.3',
    'hostAliases[0].hostnames={registry.example.com}',
    'extraArgs[0]=--registry-insecure=registry.local:5000',
    'extraEnv[0].name=LOG_LEVEL',
    'extraEnv[0].value=debug',
    'affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight=1',
    'affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[0].key=a',
    'affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[0].operator=Exists',
  ],
  'tenants who are isolated': [
    'tenancy.mode=Isolated',
    'tenancy.images.team-a={registry.example.com/team-a/*,docker.io/library/nginx}',
    'workloads.kinds={Deployment,Rollout=argoproj.io/v1alpha1/rollouts:spec.template}',
    'knativeImages.enabled=true',
  ],
  'everything that is on by default switched off': [
    'admissionPolicy.create=false',
    'networkPolicy.create=false',
    'tenancy.roles.create=false',
    'podDisruptionBudget.create=false',
    'leaderElection.enabled=false,controllerReplicaCount=1',
    'topologySpreadConstraints=null',
    'crd.install=false',
  ],
};

describe('the chart', () => {
  it('passes helm lint without a warning', async () => {
    expect(await helm(lab, 'lint', '--strict', '--quiet', chart)).toMatchObject({ code: 0, stderr: '' });
  });

  it.each(Object.entries(settings))('is accepted by the API server with %s', async (_, values) => {
    const yaml = await rendered(lab, ...values);
    await lab.ask('create', 'namespace', 'kube-fledged').catch(() => undefined);
    const apply = ['apply', '--server-side', '--force-conflicts', '--dry-run=server', '--validate=strict', '-f', '-'];
    expect(await lab.kubectlWith(yaml, ...apply)).toMatchObject({ code: 0, stderr: '' });
  });

  it('only sets flags that the process has', async () => {
    const flags = new Set(allSettings.map(({ flag }) => flag));
    const yaml = await rendered(
      lab,
      ...(settings['kube-fledged’s values'] ?? []),
      'registries.readPullSecretsOf[0]=apps',
      String.raw`registries.budgets.docker\.io.pullsPerHour=80`,
      'warmGate.taints[0]=example.com/cold',
    );
    const given = [...yaml.matchAll(/^ +- "?--([a-z-]+)=/gm)].map((match) => match[1]);
    expect(given.length).toBeGreaterThan(10);
    expect(given.filter((flag) => !flags.has(flag))).toEqual([]);
  });

  it('passes budgets of registries as JSON', async () => {
    const [, json = ''] =
      /^ +- ("--registry-budgets=.*")$/m.exec(
        await rendered(lab, String.raw`registries.budgets.registry\.example:5000.pullsPerHour=1000000`),
      ) ?? [];
    expect(JSON.parse(json)).toBe('--registry-budgets={"registry.example:5000":{"pullsPerHour":1000000}}');
  });

  it('labels every object with commonLabels, but changes no selector', async () => {
    const manifests = manifestsIn(await rendered(lab, 'commonLabels.team=platform', 'commonLabels.helm\\.sh/chart=x'));
    for (const { kind, metadata } of manifests)
      expect({ kind, labels: metadata.labels }).toMatchObject({ labels: { team: 'platform' } });
    expect(JSON.stringify(manifests)).not.toContain('"helm.sh/chart":"x"');
    for (const { spec } of manifests) expect(JSON.stringify(spec ?? {})).not.toContain('platform');
  });

  it('sets what the Pods of the Deployment, its Service and its ServiceMonitor may need', async () => {
    const manifests = manifestsIn(
      await rendered(
        lab,
        ...(settings['everything that is off by default'] ?? []),
        ...['serviceMonitor.create=true', 'serviceMonitor.namespace=monitoring'],
      ),
    );
    const ofKind = (wanted: string) => manifests.find(({ kind }) => kind === wanted);
    expect(ofKind('Deployment')).toMatchObject({
      metadata: { annotations: { a: 'b' } },
      spec: {
        revisionHistoryLimit: 2,
        template: {
          spec: {
            dnsConfig: { options: [{ name: 'ndots' }] },
            hostAliases: [{ ip: '10.1.2.3', hostnames: ['registry.example.com'] }],
            volumes: [{ name: 'ca', configMap: { name: 'ca' } }],
            containers: [
              {
                envFrom: [{ configMapRef: { name: 'proxy' } }],
                volumeMounts: [{ name: 'ca', mountPath: '/etc/ca' }],
              },
              { name: 'proxy' },
            ],
          },
        },
      },
    });
    expect(ofKind('Service')).toMatchObject({ metadata: { annotations: { a: 'b' } } });
    expect(ofKind('ServiceMonitor')).toMatchObject({
      metadata: { namespace: 'monitoring' },
      spec: { namespaceSelector: { matchNames: ['kube-fledged'] } },
    });
  });

  it('creates a ServiceMonitor on request', async () => {
    const monitors = manifestsIn(await rendered(lab, 'serviceMonitor.create=true', 'serviceMonitor.labels.release=p'));
    expect(monitors.find(({ kind }) => kind === 'ServiceMonitor')).toMatchObject({
      metadata: { labels: { release: 'p' } },
      spec: { endpoints: [{ port: 'http', path: '/metrics', interval: '30s' }] },
    });
  });

  it.each([
    [
      'registry.example.com:5000/imagecache-functions/imagecache-noop:0.1.0',
      ['global.imageRegistry=registry.example.com:5000'],
    ],
    ['ghcr.io/imagecache-functions/imagecache-noop:edge', ['images.noop.tag=edge']],
    [
      `r.example/noop@sha256:${'a'.repeat(64)}`,
      ['images.noop.repository=r.example/noop', `images.noop.digest=sha256:${'a'.repeat(64)}`],
    ],
    [
      `r.example/noop:v1@sha256:${'a'.repeat(64)}`,
      [
        'global.imageRegistry=r.example',
        'images.noop.repository=localhost/noop',
        'images.noop.tag=v1',
        `images.noop.digest=sha256:${'a'.repeat(64)}`,
      ],
    ],
  ])('renders the image reference %s', async (reference, values) => {
    expect(await rendered(lab, ...values)).toContain(`{name: NOOP_IMAGE, value: "${reference}"}`);
  });

  it.each([
    ['a misspelt name', 'args.controllerLogLevl=INFO', 'controllerLogLevl'],
    ['an unknown mode', 'mode=laptop', '/mode'],
    ['a word that is no log level', 'args.controllerLogLevel=loud', 'controllerLogLevel'],
    ['an unknown policy', 'args.controllerImagePullPolicy=Never', 'controllerImagePullPolicy'],
    ['an invalid duration', 'args.controllerImagePullDeadlineDuration=5', 'controllerImagePullDeadlineDuration'],
    ['an image set by a flag', 'extraArgs[0]=--noop-image=evil', '/extraArgs/0'],
    ['an image set by a variable', 'extraEnv[0].name=REMOVAL_IMAGE', '/extraEnv/0'],
    ['a socket that is not a path', 'args.controllerCRISocketPath=containerd.sock', 'controllerCRISocketPath'],
    [
      'replicas without leader election',
      'controllerReplicaCount=2,leaderElection.enabled=false',
      'every replica does the same work',
    ],
  ])('rejects %s', async (_, value, message) => {
    expect(await errorOf(value)).toContain(message);
  });

  const values = parse(readFileSync(join(chart, 'values.yaml'), 'utf8')) as Readonly<Record<string, unknown>>;
  const isMap = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);

  it.each([
    ['a release without values', {}],
    ['a release without nested values', mapValues(values, (value) => (isMap(value) ? {} : value))],
  ])('renders for --reuse-values with those of %s as with the defaults', async (_, older) => {
    const free = ['podSecurityContext', 'securityContext', 'resources', 'topologySpreadConstraints'];
    const kept = Object.fromEntries(free.map((name) => [name, values[name]]));
    for (const mode of modes)
      expect(await renderedReusing(lab, { ...older, ...kept }, `mode=${mode}`), mode).toBe(
        await rendered(lab, `mode=${mode}`),
      );
  });

  it('renders for --reuse-values with the values of kube-fledged, and is accepted by the API server', async () => {
    const manifests = manifestsIn(await renderedReusing(lab, kubeFledgedValues));
    const list = { apiVersion: 'v1', kind: 'List', items: manifests };
    const apply = ['apply', '--server-side', '--force-conflicts', '--dry-run=server', '--validate=strict', '-f', '-'];
    expect(await lab.kubectlWith(JSON.stringify(list), ...apply)).toMatchObject({ code: 0, stderr: '' });
  });

  it.each([
    ['args.controllerJobRetentionPolicy=', [], ['--job-retention-policy']],
    ['args.controllerJobRetentionPolicy=null', ['--job-retention-policy=delete'], []],
    ['args.controllerImagePullPolicy=', [], ['--image-pull-policy']],
    ['args.controllerImageCacheRefreshFrequency=0', ['--image-cache-refresh-frequency=0'], []],
    ['args.controllerImagePullDeadlineDuration=0s', ['--image-pull-deadline-duration=0s'], []],
    ['args.controllerLogLevel=info', ['--stderrthreshold=INFO'], []],
    ['args.controllerLogLevel=2', ['--stderrthreshold=2'], []],
    ['serviceAccount.create=false', ['serviceAccountName: imagecache-functions'], ['kind: ServiceAccount\nmetadata']],
  ])('renders %s, as the chart of kube-fledged does', async (value, present, absent) => {
    const text = await rendered(lab, value);
    for (const part of present) expect(text).toContain(part);
    for (const part of absent) expect(text).not.toContain(part);
  });

  it('accepts quoted numbers and booleans, as the chart of kube-fledged does', async () => {
    const quoted = ['controllerReplicaCount', 'args.controllerJobsMaxSurge'].map((name) => `${name}=2`);
    const no = ['controller.hostNetwork', 'args.controllerImageDeleteJobHostNetwork', 'clusterRole.create'];
    const settings = [...quoted, ...no.map((name) => `${name}=false`)];
    const args = ['template', 'imagecache-functions', chart, '-n', 'kube-fledged', '--no-hooks'];
    const { stdout, stderr } = await helm(lab, ...args, ...settings.flatMap((each) => ['--set-string', each]));
    expect(stderr).toBe('');
    expect(stdout).toBe(await rendered(lab, ...settings));
  });

  it('treats the socket of Docker as no CRI socket, in the policy as in the flag', async () => {
    const text = await rendered(lab, 'args.controllerCRISocketPath=/var/run/docker.sock');
    expect(text).toContain('hostPath.path in ["/run/containerd/containerd.sock"');
  });

  it('warns in NOTES about ignored values of kube-fledged, and only then', async () => {
    expect(await notes(lab)).not.toContain('WARNING');
    const text = await notes(
      lab,
      'image.kubefledgedControllerRepository=a/b',
      'image.busyboxImageVersion=1.35.0',
      'command.kubefledgedControllerCommand={/opt/bin/x}',
      'args.webhookServerPort=443',
      'webhookServer.enable=true',
    );
    for (const name of [
      'image.kubefledgedControllerRepository',
      'image.busyboxImageVersion',
      'command.kubefledgedControllerCommand',
    ])
      expect(text).toContain(`  ${name}: `);
    for (const name of ['args.webhookServerPort', 'webhookServer'])
      expect(text).toContain(`  ${name}: there is no webhook server`);
    expect(text).toContain('kubectl -n notes rollout status deployment/notes-imagecache-functions');
  });
});

const ownRegistry = [
  'global.imageRegistry=registry.example.com',
  'images.functions.repository=imagecache-functions',
  'images.noop.repository=imagecache-noop',
];

describe('the manifests rendered from the chart', () => {
  it('are up to date with deploy/kubectl/render', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'render-'));
    const rendering = lab.enter(join(root, 'deploy/kubectl/render'), [], { env: { OUT: folder }, stdio: 'inherit' });
    await once(rendering, 'exit');
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.yaml'));
    expect(files.length).toBeGreaterThan(8);
    for (const file of files)
      expect(readFileSync(join(folder, file), 'utf8'), file).toBe(readFileSync(join(root, 'deploy', file), 'utf8'));
    rmSync(folder, { recursive: true });
  });

  it.each([
    { folder: 'knative/policy', namespace: 'kube-fledged', values: ['mode=knative', ...ownRegistry] },
    { folder: 'openfaas/ce/policy', namespace: 'openfaas-fn', values: ['mode=openfaas', 'openfaas.edition=ce'] },
    { folder: 'openfaas/pro/policy', namespace: 'openfaas-fn', values: ['mode=openfaas', 'openfaas.edition=pro'] },
  ])('have in deploy/$folder the admission policies of the chart', async ({ folder, namespace, values }) => {
    const only = ['--show-only', 'templates/admission-policy.yaml', '--namespace', namespace];
    const set = values.flatMap((value) => ['--set', value]);
    const { stdout } = await helm(lab, 'template', 'imagecache-functions', chart, ...only, ...set);
    // The manifests for Knative call the account of the source imagecache-source.
    const specs = (yaml: string) =>
      new Map(
        manifestsIn(yaml.replaceAll(':imagecache-source"', ':imagecache-functions-source"')).map(
          ({ kind, metadata, spec }) => [`${kind} ${metadata.name}`, spec],
        ),
      );
    expect(specs(await lab.ask('kustomize', join(root, 'deploy', folder)))).toEqual(specs(stdout));
  });

  it.each(['kubectl', 'openfaas/ce', 'openfaas/pro', 'knative/our-source', 'knative/knative-sources'])(
    'render with kustomize in deploy/%s',
    async (folder) => {
      const manifests = manifestsIn(await lab.ask('kustomize', join(root, 'deploy', folder)));
      const policies = manifests.filter(({ kind }) => kind === 'ValidatingAdmissionPolicyBinding');
      expect(policies).toHaveLength(2);
      expect(manifests.some(({ kind }) => ['Deployment', 'ApiServerSource'].includes(kind))).toBe(true);
    },
  );
});
