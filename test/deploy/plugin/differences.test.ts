import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cacheDifferences, nodeDifferences } from '../../../deploy/plugin/migrate/cluster-differences.ts';
import { chartValues } from '../../../deploy/plugin/migrate/chart-values.ts';
import { parse } from 'yaml';
import { kubeFledgedValues } from '../helm/kube-fledged-values.ts';
import type { Finding } from '../../../deploy/plugin/migrate/finding.ts';
import { flagDifferences, valueDifferences } from '../../../deploy/plugin/migrate/flag-differences.ts';
import { inMemoryApi } from '../../support/api/in-memory-api.ts';

const page = readFileSync(join(import.meta.dirname, '../../../docs/migration.md'), 'utf8');
const messages = (findings: readonly Finding[]): readonly string[] => findings.map(({ message }) => message);

/** A cluster with a controller of kube-fledged that is started with these arguments and already scaled down. */
function controller(...args: readonly string[]) {
  const api = inMemoryApi();
  const containers = [
    { image: 'senthilrch/kubefledged-controller:v0.10.0', command: ['/opt/bin/kubefledged-controller', ...args] },
  ];
  api.put('/apis/apps/v1/namespaces/kube-fledged/deployments/kubefledged-controller', {
    metadata: { namespace: 'kube-fledged', name: 'kubefledged-controller' },
    spec: { replicas: 0, template: { spec: { containers } } },
  });
  return api;
}

const flagRows = [
  ['--image-pull-deadline-duration=10s', 'controllerImagePullDeadlineDuration: 10s', /counts per image/],
  ['--image-pull-deadline-duration=0s', 'controllerImagePullDeadlineDuration: 0s', /0s is no limit/],
  ['--service-account-name=puller', 'controllerServiceAccountName: puller', /as the default account until there is/],
  ['--job-retention-policy=retain', 'controllerJobRetentionPolicy: retain', /keeps a pull Job until newer ones/],
  ['--job-retention-policy=keep', 'controllerJobRetentionPolicy: keep', /Delete is used/],
  ['--cri-socket-path=/var/run/docker.sock', 'controllerCRISocketPath: /var/run/docker.sock', /no CRI socket/],
] as const;

describe('migrate --check finds what differs', () => {
  it.each(flagRows)('with %s, and in a values file with %s', async (flag, value, expected) => {
    const found = messages(await flagDifferences(controller('--stderrthreshold=INFO', flag)));
    expect(found).toEqual([expect.stringMatching(expected)]);
    expect(messages(await valueDifferences(`args:\n  ${value}\n`, 'kube-fledged', inMemoryApi()))).toEqual(found);
    expect(page).toContain(`\`${flag.split('=')[0] ?? ''}`);
  });

  it('with arguments that kube-fledged ignores, and values that its chart ignores', async () => {
    const policy = await flagDifferences(controller('--image-pull-policy=Never'));
    expect(messages(policy)).toEqual([expect.stringContaining('IfNotPresent is used')]);
    const found = await flagDifferences(controller('--image-delete-job-host-network', 'true', '-v=2'));
    expect(messages(found)).toEqual([expect.stringContaining('"true -v=2"')]);
    const values = await valueDifferences(
      'args: {controllerJobsMax: 1, webhookServerPort: 443}',
      'default',
      inMemoryApi(),
    );
    expect(messages(values)).toEqual([
      expect.stringContaining('args.controllerJobsMax'),
      expect.stringMatching(/no effect here .*: args\.webhookServerPort$/),
    ]);
  });

  it.each([
    ['{foo: 1}', "the chart refuses the value foo, which kube-fledged's ignores: remove it"],
    [
      '{args: {controllerImagePullPolicy: Never}}',
      'args.controllerImagePullPolicy: it must be one of "IfNotPresent", ',
    ],
    ['{args: {controllerLogLevel: loud}}', 'args.controllerLogLevel: it must match ^(?i:info|'],
    ['{args: {controllerLogLevel: 7}}', 'args.controllerLogLevel: it must be at least 0 and at most 3'],
    ['{args: {controllerImagePullDeadlineDuration: "5"}}', 'args.controllerImagePullDeadlineDuration: it must match '],
    ['{args: {controllerCRISocketPath: a.sock}}', 'args.controllerCRISocketPath: it must match ^(/.*)?$'],
    ['{args: {controllerJobsMaxSurge: -1}}', 'args.controllerJobsMaxSurge: it must be at least 0'],
    ['{args: {controllerLogLevel: [INFO]}}', 'args.controllerLogLevel: it must be string or integer'],
    ['{args: 3}', 'args: it must be object'],
    ['{mode: laptop}', 'mode: it must be one of "standalone", '],
    ['{extraArgs: [--noop-image=evil]}', 'extraArgs[0]: it is not allowed here'],
    ['{extraEnv: [{name: REMOVAL_IMAGE}]}', 'extraEnv[0].name: it is not allowed here'],
    ['{extraEnv: [{value: x}]}', 'extraEnv[0]: it must have name'],
    ['{image: {foo: x}}', 'the chart refuses the value image.foo'],
  ])('with values that the chart refuses, as helm upgrade does: %s', async (text, expected) => {
    const found = await valueDifferences(text, 'default', inMemoryApi());
    expect(found).toMatchObject([{ verdict: 'blocks', message: expect.stringContaining(expected) as string }]);
  });

  it('with none of the values that the charts have by default, or that the chart of kube-fledged renders', () => {
    const ours = readFileSync(join(import.meta.dirname, '../../../deploy/helm/values.yaml'), 'utf8');
    expect(chartValues(parse(ours))).toEqual([]);
    const theirs = chartValues(kubeFledgedValues);
    expect(theirs.filter(({ verdict }) => verdict !== 'ignored')).toEqual([]);
    expect(theirs.map(({ path }) => path)).toContain('image.busyboxImageRepository');
    const accepted = {
      ...{ controllerReplicaCount: '2', controller: { hostNetwork: 'false' }, clusterRole: { create: 'false' } },
      args: {
        controllerJobRetentionPolicy: null,
        controllerImagePullPolicy: '',
        controllerImageCacheRefreshFrequency: 0,
        controllerLogLevel: 'info',
        controllerJobsMaxSurge: '2',
      },
    };
    expect(chartValues(accepted)).toEqual([]);
  });

  it('only where something does, and blocks what would not start', async () => {
    const usual = ['--stderrthreshold=INFO', '--image-pull-deadline-duration=5m', '--image-pull-policy=IfNotPresent'];
    expect(await flagDifferences(controller(...usual))).toEqual([]);
    expect(await flagDifferences(controller('--kubeconfig=x', '--no-such-flag'))).toMatchObject([
      { verdict: 'blocks' },
    ]);
    const api = controller('--service-account-name=puller');
    api.put('/api/v1/namespaces/kube-fledged/serviceaccounts/puller', { metadata: { name: 'puller' } });
    expect(await flagDifferences(api)).toEqual([]);
  });

  it('on nodes that kube-fledged serves, and with Docker', async () => {
    const api = inMemoryApi();
    const node = (
      name: string,
      { spec = {}, status = {}, runtime = 'containerd://2.2', labels = {}, os = 'linux' },
    ) => {
      const ready = { conditions: [{ type: 'Ready', status: 'True' }] };
      const nodeInfo = { operatingSystem: os, kubeletVersion: 'v1.34.2', containerRuntimeVersion: runtime };
      api.put(`/api/v1/nodes/${name}`, {
        metadata: { name, uid: name, labels },
        spec,
        status: { ...ready, ...status, nodeInfo },
      });
    };
    node('well', {});
    node('cordoned', { spec: { unschedulable: true } });
    node('away', { status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } });
    node('cp', { spec: { taints: [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }] } });
    node('old', { runtime: 'docker://24.0' });
    node('arm', { labels: { 'kubernetes.io/arch': 'arm64' } });
    node('pi', { labels: { 'kubernetes.io/arch': 'arm' } });
    node('pi-2', { labels: { 'kubernetes.io/arch': 'arm', 'kubefledged.io/skip': 'true' } });
    node('win', { os: 'windows', labels: { 'kubernetes.io/arch': 'amd64' } });
    node('kubelet', { labels: { type: 'virtual-kubelet' } });
    const found = await nodeDifferences(api);
    expect(messages(found)).toEqual([
      expect.stringContaining('1 node (away) skipped until no longer NotReady'),
      expect.stringContaining('1 node (cp) of the control plane skipped, unless spec.tolerations tolerates the taint'),
      expect.stringContaining('1 node (kubelet) without an image store skipped'),
      expect.stringContaining('1 node (win) with another system than Linux skipped'),
      expect.stringContaining('1 node (pi) of another architecture than amd64 and arm64'),
      expect.stringContaining('1 node (old) with Docker'),
    ]);
    expect(found.flatMap(({ commands }) => commands)).toEqual(['kubectl label node pi kubefledged.io/skip=true']);
  });

  it('with caches that have both annotations, an interrupted purge, lists that the CRD refuses or a long name', async () => {
    const api = inMemoryApi();
    const cache = (name: string, annotations: object, status?: object, cacheSpec: readonly object[] = []) => {
      const metadata = { namespace: 'apps', name, uid: name, annotations };
      const object = { metadata, spec: { cacheSpec }, ...(status === undefined ? {} : { status }) };
      api.put(`/apis/kubefledged.io/v1alpha2/namespaces/apps/imagecaches/${name}`, object);
    };
    cache('both', { 'kubefledged.io/refresh-imagecache': '', 'kubefledged.io/purge-imagecache': '' });
    cache(
      'going',
      {},
      { status: 'Processing', reason: 'ImageCachePurge', message: '', startTime: '2026-01-01T00:00:00Z' },
    );
    cache('l'.repeat(64), {});
    cache('malformed', {}, undefined, [{ images: ['app:1', 'UPPER:1', 'a b'] }]);
    cache('empty', {}, undefined, [{ images: [] }]);
    cache('well', {}, undefined, [{ images: ['app:1'] }, { imagesFrom: { kinds: ['Pod'] } }]);
    cache('plain', { 'kubefledged.io/refresh-imagecache': '' });
    const found = await cacheDifferences(api);
    expect(found.flatMap(({ commands }) => commands)).toContain('kubectl -n apps edit imagecache malformed');
    expect(messages(found)).toEqual([
      expect.stringMatching(/^apps\/both: annotated with a purge and a refresh/),
      expect.stringMatching(/^apps\/going: a purge is interrupted/),
      expect.stringMatching(/^apps\/malformed \("UPPER:1", "a b"\): lists what is no image reference/),
      expect.stringMatching(/^apps\/empty: has a list without images/),
      expect.stringMatching(/^apps\/l+: the label imagecache/),
    ]);
  });
});
