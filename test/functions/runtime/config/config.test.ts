import { describe, expect, it } from 'vitest';
import { allSettings, helpText, readConfig, wantsHelp } from '../../../../functions/runtime/config/config.ts';
import { ConfigError } from '../../../../functions/runtime/errors.ts';
import { version } from '../../../../functions/runtime/version.ts';

const problems = (argv: readonly string[], env: Record<string, string> = {}): string[] => {
  try {
    readConfig(argv, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
  return [];
};

describe('readConfig', () => {
  it('has every default of kube-fledged', () => {
    expect(readConfig([], {})).toEqual({
      settings: {
        imagePullDeadline: 300_000,
        refreshFrequency: 900_000,
        imagePullPolicy: 'IfNotPresent',
        serviceAccountName: '',
        jobPriorityClassName: '',
        jobRetentionPolicy: 'Delete',
        unschedulable: 'Pull',
        jobsMaxSurge: 0,
        rollout: undefined,
        registryBudgets: {},
        imagesPerJob: 32,
        noopImage: `ghcr.io/imagecache-functions/imagecache-noop:${version}`,
        removalImage: `ghcr.io/imagecache-functions/imagecache-functions:${version}`,
        imageDeleteJobHostNetwork: false,
        criSocketPath: '',
        warmGateTaints: [],
        warmGateNamespaces: [],
        workloadKinds: [],
        workloadRoundInterval: 30_000,
        knativeImages: [],
        limits: {
          images: 1000,
          imageBytes: 131_072,
          podsPerNode: 16,
          namespacePodsPerNode: 13,
          pullDeadline: 7_200_000,
          priorityClasses: [],
          tenantImages: undefined,
          podMetadataKeys: [],
          warmGateTimeout: 900_000,
        },
        namespace: '',
      },
      kubeconfig: '',
      master: '',
      inCluster: false,
      function: undefined,
      port: 8080,
      listenAddress: '',
      allowedHosts: [],
      receiveEvents: false,
      eventSecret: undefined,
      statusPage: false,
      statusPagePort: 8081,
      logLevel: 'info',
      leaderElection: true,
      leaseNamespace: '',
      tickSchedule: '* * * * *',
      sink: '',
      sinkCertificates: '',
      eventOverrides: {},
      routes: {},
      registry: { mirrors: {}, certificates: '', insecure: [] },
      readsPullSecrets: false,
      watchNamespaces: [],
      notes: [],
    });
  });

  it("accepts the arguments of kube-fledged's own manifests", () => {
    const argv = [
      '--stderrthreshold=INFO',
      '-image-pull-deadline-duration=1h30m',
      '--image-cache-refresh-frequency',
      '0s',
      '--image-pull-policy=Always',
      '--service-account-name=puller',
      '--image-delete-job-host-network',
      '--job-priority-class-name=high',
      '--job-retention-policy= RETAIN ',
      '--cri-socket-path=/run/k3s/containerd/containerd.sock',
      '--jobs-max-surge=4',
      '--rollout={"canaryNodes": "1%", "topologyKey": "topology.kubernetes.io/zone"}',
      '--registry-budgets={"docker.io": {"pullsPerHour": 80}}',
      '--unschedulable=skip',
      '--logtostderr',
      '-v',
      '2',
      '--vmodule=a=2',
    ];
    expect(readConfig(argv, {}).settings).toMatchObject({
      imagePullDeadline: 5_400_000,
      refreshFrequency: 0,
      imagePullPolicy: 'Always',
      serviceAccountName: 'puller',
      imageDeleteJobHostNetwork: true,
      jobPriorityClassName: 'high',
      jobRetentionPolicy: 'Retain',
      criSocketPath: '/run/k3s/containerd/containerd.sock',
      jobsMaxSurge: 4,
      rollout: {
        ...{ canaryNodes: '1%', growth: 2, topologyKey: 'topology.kubernetes.io/zone' },
        ...{ maxFailedNodes: '10%', pauseSeconds: 0 },
      },
      registryBudgets: { 'docker.io': { pullsPerHour: 80 } },
      unschedulable: 'Skip',
    });
  });

  it('knows a registry with a budget by every spelling of its host', () => {
    const argv = ['--registry-budgets={"Index.Docker.io:443": {"pullsPerHour": 80}, "hub": {"pullsPerHour": 9}}'];
    expect(readConfig(argv, {}).settings.registryBudgets).toEqual({
      'docker.io': { pullsPerHour: 80 },
      hub: { pullsPerHour: 9 },
    });
  });

  it('reads who writes caches: nothing or Trusted allows any image, a map only its images', () => {
    const images = { 'team-a': ['registry.example.com/team-a/*'], '*': [] };
    const read = (value: string) => readConfig([], { TENANCY: value }).settings.limits.tenantImages;
    expect([read(''), read('trusted'), read('{}'), read(JSON.stringify(images))]).toEqual([
      ...[undefined, undefined, {}, images],
    ]);
  });

  it('prefers a flag to the environment, and the last of two flags', () => {
    const env = { IMAGE_PULL_DEADLINE_DURATION: '7m', JOBS_MAX_SURGE: '3' };
    const argv = ['--image-pull-deadline-duration=1m', '--image-pull-deadline-duration=2m'];
    expect(readConfig(argv, env).settings).toMatchObject({ imagePullDeadline: 120_000, jobsMaxSurge: 3 });
  });

  it('uses the default for an empty variable, except for the schedule, where it means off', () => {
    const config = readConfig([], { PORT: '', K_CE_OVERRIDES: '', ROUTES: '', FUNCTION: '', TICK_SCHEDULE: '' });
    expect(config).toMatchObject({ port: 8080, eventOverrides: {}, routes: {}, function: undefined, tickSchedule: '' });
  });

  it('reads what Knative sets', () => {
    const env = { K_SINK: 'http://broker/demo', K_CE_OVERRIDES: '{"extensions":{"team":"a"}}', K_CA_CERTS: 'PEM' };
    expect(readConfig([], env)).toMatchObject({
      sink: 'http://broker/demo',
      eventOverrides: { team: 'a' },
      sinkCertificates: 'PEM',
    });
    expect(readConfig([], { K_CE_OVERRIDES: '{}' }).eventOverrides).toEqual({});
  });

  it('reads routes and the one function', () => {
    const routes = { refresh: 'http://gateway:8080/function/refresh' };
    expect(readConfig([], { ROUTES: JSON.stringify(routes), FUNCTION: 'job-complete' })).toMatchObject({
      routes,
      function: 'job-complete',
    });
  });

  it('reads startup taints, by flag or variable, and refuses invalid ones', () => {
    const env = { WARM_GATE_TAINTS: 'example.com/cold, startup-taint.cluster-autoscaler.kubernetes.io/cold,' };
    const warmGateTaints = ['example.com/cold', 'startup-taint.cluster-autoscaler.kubernetes.io/cold'];
    expect(readConfig([], env).settings).toMatchObject({ warmGateTaints });
    expect(problems(['--warm-gate-taints=example.com/cold:NoSchedule'])).toEqual([
      '--warm-gate-taints is "example.com/cold:NoSchedule", expected keys of taints such as example.com/cold, separated by commas',
    ]);
  });

  it('reads limits, by flag or variable, and refuses invalid ones', () => {
    const env = { MAX_IMAGES: '50', WARM_GATE_NAMESPACES: 'apps, team', PRIORITY_CLASSES: 'low,batch.high,low' };
    expect(readConfig(['--max-pull-deadline=30m', '--warm-gate-max-timeout=0s'], env).settings).toMatchObject({
      warmGateNamespaces: ['apps', 'team'],
      limits: { images: 50, pullDeadline: 1_800_000, priorityClasses: ['low', 'batch.high'], warmGateTimeout: 0 },
    });
    const listed = ['--job-priority-class-name=own', '--priority-classes=low', '--pod-metadata-keys=team,a.com/*'];
    expect(readConfig(listed, {}).settings.limits).toMatchObject({
      priorityClasses: ['low', 'own'],
      podMetadataKeys: ['team', 'a.com/*'],
    });
    expect(problems(['--pod-metadata-keys=*'])).toEqual([
      '--pod-metadata-keys is "*", expected keys of labels and annotations such as cost-center or example.com/*, separated by commas',
    ]);
    expect(problems(['--priority-classes=Low'])).toEqual([
      '--priority-classes is "Low", expected names of objects such as batch-low, separated by commas',
    ]);
  });

  it('reads kinds of workloads, by flag or variable, and refuses unknown ones', () => {
    const env = { WORKLOAD_KINDS: 'CronJob, Rollout=argoproj.io/v1alpha1/rollouts:spec.template' };
    expect(readConfig(['--workload-round-interval=1m'], env).settings).toMatchObject({
      workloadKinds: [
        { kind: 'CronJob', api: '/apis/batch/v1', plural: 'cronjobs' },
        { kind: 'Rollout', api: '/apis/argoproj.io/v1alpha1', plural: 'rollouts', template: ['spec', 'template'] },
      ],
      workloadRoundInterval: 60_000,
    });
    for (const kinds of ['Rollout', 'deployment', 'Rollout=rollouts:spec', 'A=b/v1/../../secrets:spec'])
      expect(problems([`--workload-kinds=${kinds}`])).toHaveLength(1);
  });

  it('reads where Images of Knative are served, which are then found like other workloads', () => {
    expect(readConfig(['--knative-images=*'], {}).settings).toMatchObject({
      knativeImages: 'all',
      workloadKinds: [{ kind: 'Revision' }],
    });
    const { knativeImages, workloadKinds } = readConfig([], {
      ...{ KNATIVE_IMAGES: 'apps, web', WORKLOAD_KINDS: 'Revision,Pod' },
    }).settings;
    expect(knativeImages).toEqual(['apps', 'web']);
    expect(workloadKinds).toHaveLength(2);
    expect(problems(['--knative-images=yes,*'])).toEqual([
      '--knative-images is "yes,*", expected names of namespaces such as apps, separated by commas, or * for all',
    ]);
  });

  it('reads registry settings, by flag or variable', () => {
    const mirrors = { 'docker.io': ['https://mirror.example.com', 'http://10.0.0.1:5000/hub'] };
    const env = { REGISTRY_MIRRORS: JSON.stringify(mirrors), REGISTRY_CA_CERTS: '/etc/ca.pem' };
    expect(readConfig(['--registry-insecure=Registry.local:5000, [::1]:5001,'], env).registry).toEqual({
      mirrors,
      certificates: '/etc/ca.pem',
      insecure: ['registry.local:5000', '[::1]:5001'],
    });
  });

  it.each(['[]', '{', 'null', '{"docker.io":"https://a"}', '{"docker.io":["a"]}', '{"docker.io":[1]}', '{"a/b":[]}'])(
    'refuses %s as mirrors',
    (mirrors) => {
      expect(problems([], { REGISTRY_MIRRORS: mirrors })).toHaveLength(1);
    },
  );

  it('detects a pod by the variable that Kubernetes sets, and never reads KUBECONFIG', () => {
    const env = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBECONFIG: '/somewhere', MASTER: 'http://elsewhere' };
    expect(readConfig([], env)).toMatchObject({ inCluster: true, kubeconfig: '', master: '' });
  });

  it('reports the replacement of ignored variables', () => {
    const env = { BUSYBOX_IMAGE: 'a', KUBEFLEDGED_CRI_CLIENT_IMAGE: 'b' };
    expect(readConfig([], env).notes).toEqual([
      'BUSYBOX_IMAGE is ignored: set NOOP_IMAGE instead',
      'KUBEFLEDGED_CRI_CLIENT_IMAGE is ignored: set REMOVAL_IMAGE instead',
    ]);
  });

  it('puts the Lease where LEASE_NAMESPACE says, or KUBEFLEDGED_NAMESPACE', () => {
    expect(readConfig([], { KUBEFLEDGED_NAMESPACE: 'kf' }).leaseNamespace).toBe('kf');
    expect(readConfig([], { KUBEFLEDGED_NAMESPACE: 'kf', LEASE_NAMESPACE: 'ours' }).leaseNamespace).toBe('ours');
  });

  it.each([
    [[], {}, 'info'],
    [['--stderrthreshold=WARNING'], {}, 'warn'],
    [['--stderrthreshold=2'], {}, 'error'],
    [['-v=4', '--stderrthreshold=ERROR'], {}, 'debug'],
    [['-v=9'], {}, 'trace'],
    [['--stderrthreshold=ERROR'], { LOG_LEVEL: 'debug' }, 'debug'],
  ])('logs from %j and %j as %s', (argv, env, level) => {
    expect(readConfig(argv, env).logLevel).toBe(level);
  });

  it.each([
    [['--nonsense=1'], {}, 'unknown flag --nonsense: --help lists all of them'],
    [['---port=1'], {}, 'bad flag "---port=1": flags are written --name=value'],
    [['--kubeconfig'], {}, '--kubeconfig needs a value: write --kubeconfig=value'],
    [['--unschedulable=never'], {}, '--unschedulable is "never", expected one of Pull, Skip'],
    [['--jobs-max-surge=-1'], {}, '--jobs-max-surge is "-1", expected a whole number from 0'],
    ...['{"canaries": 1}', '{"canaryNodes": 0}', '{"canaryNodes": "1000%"}', 'one'].map(
      (value): [string[], object, string] => [
        [`--rollout=${value}`],
        {},
        `--rollout is ${JSON.stringify(value)}, expected JSON with fields of spec.rollout such as {"canaryNodes": 1, "growth": 2}, or nothing`,
      ],
    ),
    ...['[]', '{"docker.io": 80}', '{"docker.io": {"pullsPerHour": 0}}', '{"a b": {"pullsPerHour": 1}}'].map(
      (value): [string[], object, string] => [
        [`--registry-budgets=${value}`],
        {},
        `--registry-budgets is ${JSON.stringify(value)}, expected a JSON object such as {"docker.io": {"pullsPerHour": 80}}`,
      ],
    ),
    ...['Isolated', '[]', '{"team-a": ["nginx"]}', '{"A": []}'].map((value): [string[], object, string] => [
      [`--tenancy=${value}`],
      {},
      `--tenancy is ${JSON.stringify(value)}, expected Trusted, or images by namespace as in {"team-a": ["registry.example.com/team-a/*"], "*": ["docker.io/library/nginx"]}`,
    ]),
    [['--leader-election=maybe'], {}, '--leader-election is "maybe", expected true or false'],
    [
      ['--master=ftp://a'],
      {},
      '--master is "ftp://a", expected an http or https URL, or a host such as 127.0.0.1:6443',
    ],
    [
      [],
      { IMAGE_PULL_DEADLINE_DURATION: '5' },
      'IMAGE_PULL_DEADLINE_DURATION is "5", expected a duration such as 5m, 1h30m or 0s',
    ],
    [['-v=high'], {}, '--v is "high", expected a whole number'],
    [[], { PORT: '65536' }, 'PORT is "65536", expected a whole number from 0 to 65535'],
    [
      [],
      { REGISTRY_MIRRORS: '{"docker.io":["ftp://a"]}' },
      'REGISTRY_MIRRORS is "{\\"docker.io\\":[\\"ftp://a\\"]}", expected a JSON object from registries to lists of http or https URLs',
    ],
    [
      [],
      { REGISTRY_INSECURE: 'http://registry.local' },
      'REGISTRY_INSECURE is "http://registry.local", expected hosts such as registry.local:5000, separated by commas',
    ],
    [[], { IMAGES_PER_JOB: '33' }, 'IMAGES_PER_JOB is "33", expected a whole number from 1 to 32'],
    [[], { FUNCTION: 'all' }, 'FUNCTION is "all", expected one of reconcile, job-complete, refresh, purge, or nothing'],
    [
      [],
      { TICK_SCHEDULE: 'hourly' },
      'TICK_SCHEDULE is "hourly", expected a cron schedule of five or six fields, @hourly or the like, or nothing',
    ],
    [
      [],
      { ROUTES: '{"drain":"http://x"}' },
      'ROUTES is "{\\"drain\\":\\"http://x\\"}", expected a JSON object from reconcile, job-complete, refresh, purge to http or https URLs',
    ],
    [
      [],
      { K_CE_OVERRIDES: '{"extensions":{"A":"b"}}' },
      'K_CE_OVERRIDES is "{\\"extensions\\":{\\"A\\":\\"b\\"}}", expected {"extensions": {"name": "value"}}, names in a-z and 0-9',
    ],
    [
      [],
      { K_SINK: 'http://a', ROUTES: '{"refresh":"http://b"}' },
      'K_SINK and ROUTES are both set, and events go to one of them: unset the other',
    ],
  ])('refuses %j with %j', (argv, env, problem) => {
    expect(problems(argv, env)).toEqual([problem]);
  });

  const ignored = (rest: string): string => `ignored, since no flag starts with it: "${rest}"; write --name=value`;
  const notCri = 'this is no CRI socket; that of cri-dockerd is used where nodes report Docker';
  it.each([
    [['--job-retention-policy='], { jobRetentionPolicy: 'Delete' }, ['--job-retention-policy is "": Delete is used']],
    [
      ['--job-retention-policy=keep'],
      { jobRetentionPolicy: 'Delete' },
      ['--job-retention-policy is "keep": Delete is used'],
    ],
    [
      ['--image-pull-policy='],
      { imagePullPolicy: 'IfNotPresent' },
      ['--image-pull-policy is "": IfNotPresent is used'],
    ],
    [
      ['--image-pull-policy=Never'],
      { imagePullPolicy: 'IfNotPresent' },
      ['--image-pull-policy is "Never": IfNotPresent is used'],
    ],
    [['--image-pull-deadline-duration=0s'], { imagePullDeadline: 0 }, []],
    [
      ['--cri-socket-path=/var/run/docker.sock'],
      { criSocketPath: '' },
      [`--cri-socket-path is "/var/run/docker.sock": ${notCri}`],
    ],
    [
      ['--image-delete-job-host-network', 'true', '--jobs-max-surge=3'],
      { imageDeleteJobHostNetwork: true, jobsMaxSurge: 0 },
      [ignored('true --jobs-max-surge=3')],
    ],
    [['--jobs-max-surge=3', 'now', 'then'], { jobsMaxSurge: 3 }, [ignored('now then')]],
    [['--jobs-max-surge=3', '--', '--nonsense'], { jobsMaxSurge: 3 }, [ignored('--nonsense')]],
    [['--jobs-max-surge=3', '--'], { jobsMaxSurge: 3 }, []],
    [['-v=-1'], {}, []],
  ])('accepts %j as kube-fledged does, with a note where it means something else', (argv, settings, notes) => {
    const config = readConfig(argv, {});
    expect(config.settings).toMatchObject(settings);
    expect(config.notes).toEqual(notes);
  });

  it.each([
    ['--master=127.0.0.1:6443', '127.0.0.1:6443'],
    ['--master=localhost', 'localhost'],
    ['--master=https://api.example.com', 'https://api.example.com'],
  ])('accepts the address of an API server with or without a scheme: %s', (flag, master) => {
    expect(readConfig([flag], {})).toMatchObject({ master, notes: [] });
  });

  it('reads namespaces by name, each once', () => {
    expect(readConfig([], {}).watchNamespaces).toEqual([]);
    expect(readConfig([], { WATCH_NAMESPACES: 'apps, team-a,apps,' }).watchNamespaces).toEqual(['apps', 'team-a']);
    expect(problems(['--watch-namespaces=apps,*'])).toEqual([
      '--watch-namespaces is "apps,*", expected names of namespaces such as apps, separated by commas',
    ]);
  });

  it.each(['[]', '"x"', '{', 'null', '{"refresh":1}'])('refuses %s as routes', (routes) => {
    expect(problems([], { ROUTES: routes })).toHaveLength(1);
  });

  it('reports all problems at once, and truncates long values', () => {
    const told = problems(['--jobs-max-surge=x', '--what'], { PORT: 'y'.repeat(5000) });
    expect(told).toHaveLength(3);
    expect(Math.max(...told.map((each) => each.length))).toBeLessThan(250);
  });
});

describe('the settings', () => {
  it('names no flag and no variable twice', () => {
    const names = allSettings.flatMap(({ flag, env }) => [flag, env]).filter((each) => each !== undefined);
    expect(new Set(names).size).toBe(names.length);
  });

  it('is listed completely in --help, with defaults', () => {
    const help = helpText();
    for (const { flag, env, doc } of allSettings) {
      if (flag !== undefined) expect(help).toContain(`--${flag}`);
      if (env !== undefined) expect(help).toContain(env);
      expect(help).toContain(doc);
    }
    expect(help).toContain('(default 5m)');
  });
});

describe('wantsHelp', () => {
  it.each([
    [['--help'], true],
    [['-h'], true],
    [['--port=1', '-help'], true],
    [['--port=1'], false],
    [[], false],
  ])('of %j is %s', (argv, wants) => {
    expect(wantsHelp(argv)).toBe(wants);
  });
});
