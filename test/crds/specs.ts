import { goodReferences, tooLongReference } from './image-references.ts';

/** The error that the API server adds if it skipped CEL rules because of schema errors. */
const someRulesUnchecked =
  '<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';

type Rejected = { readonly when: string; readonly spec: object; readonly errors: readonly string[] };

const withImages = (...images: readonly string[]) => ({ cacheSpec: [{ images }] });
const withField = (fields: object) => ({ ...withImages('nginx'), ...fields });
const withExpression = (expression: object) => ({
  cacheSpec: [{ images: ['nginx'], nodeMatchExpressions: [expression] }],
});

const expression = 'spec.cacheSpec[0].nodeMatchExpressions[0]: Invalid value:';
const objectNameRule =
  "must be the name of an object: lower-case letters, digits, '-' and '.', starting and ending with a letter or digit";
const numberOrPercentageRule = 'must be an integer of at least 1, or a percentage from 1% to 100%';

/** Rejected specs, each with the errors of the API server. */
export const rejectedSpecs: readonly Rejected[] = [
  {
    when: 'a list is empty',
    spec: withImages(),
    errors: ['spec.cacheSpec[0].images: Invalid value: No images specified within image list'],
  },
  {
    when: 'one list of several is empty',
    spec: { cacheSpec: [{ images: ['nginx'] }, { images: [] }] },
    errors: ['spec.cacheSpec[1].images: Invalid value: No images specified within image list'],
  },
  {
    when: 'a list has too many images',
    spec: withImages(...Array.from({ length: 1001 }, (_, index) => `a:${index}`)),
    errors: ['spec.cacheSpec[0].images: Too many: 1001: must have at most 1000 items', someRulesUnchecked],
  },
  {
    when: 'a list has no images field',
    spec: { cacheSpec: [{ nodeSelector: { a: 'b' } }] },
    errors: ['spec.cacheSpec[0]: Invalid value: images or imagesFrom is required'],
  },
  {
    when: 'imagesFrom names no kind',
    spec: { cacheSpec: [{ imagesFrom: {} }] },
    errors: ['spec.cacheSpec[0].imagesFrom.kinds: Required value', someRulesUnchecked],
  },
  {
    when: 'imagesFrom pulls to unknown nodes',
    spec: { cacheSpec: [{ imagesFrom: { kinds: ['Deployment'], nodes: 'All' } }] },
    errors: [
      'spec.cacheSpec[0].imagesFrom.nodes: Unsupported value: "All": supported values: "Selected", "AsPods"',
      someRulesUnchecked,
    ],
  },
  {
    when: 'there are too many lists',
    spec: { cacheSpec: Array.from({ length: 1001 }, () => ({ images: ['nginx'] })) },
    errors: ['spec.cacheSpec: Too many: 1001: must have at most 1000 items', someRulesUnchecked],
  },
  { when: 'cacheSpec is missing', spec: {}, errors: ['spec.cacheSpec: Required value', someRulesUnchecked] },
  {
    when: 'a reference is too long',
    spec: withImages(tooLongReference),
    errors: ['spec.cacheSpec[0].images[0]: Too long: may not be more than 520 bytes', someRulesUnchecked],
  },
  {
    when: 'the pull policy is unknown',
    spec: withField({ imagePullPolicy: 'Never' }),
    errors: [
      'spec.imagePullPolicy: Unsupported value: "Never": supported values: "IfNotPresent", "Always"',
      someRulesUnchecked,
    ],
  },
  {
    when: 'the deadline is zero',
    spec: withField({ pullDeadlineSeconds: 0 }),
    errors: [
      'spec.pullDeadlineSeconds: Invalid value: 0: spec.pullDeadlineSeconds in body should be greater than or equal to 1',
    ],
  },
  {
    when: 'pullsPerNode is 0',
    spec: withField({ pullsPerNode: 0 }),
    errors: ['spec.pullsPerNode: Invalid value: 0: spec.pullsPerNode in body should be greater than or equal to 1'],
  },
  ...(['0%', '101%', '10', '-1', 'all', 'two thousand and more'] as const).map((value) => ({
    when: `maxConcurrentNodes is "${value}"`,
    spec: withField({ maxConcurrentNodes: value }),
    errors: [`spec.maxConcurrentNodes: Invalid value: "${value}": ${numberOrPercentageRule}`],
  })),
  {
    when: 'maxConcurrentNodes is 0',
    spec: withField({ maxConcurrentNodes: 0 }),
    errors: [`spec.maxConcurrentNodes: Invalid value: 0: ${numberOrPercentageRule}`],
  },
  {
    when: 'canaryNodes of a rollout is 0',
    spec: withField({ rollout: { canaryNodes: 0 } }),
    errors: [`spec.rollout.canaryNodes: Invalid value: 0: ${numberOrPercentageRule}`],
  },
  {
    when: 'maxFailedNodes of a rollout is "-1"',
    spec: withField({ rollout: { maxFailedNodes: '-1' } }),
    errors: [
      'spec.rollout.maxFailedNodes: Invalid value: "-1": must be an integer of at least 0, or a percentage from 0% to 100%',
    ],
  },
  {
    when: 'growth of a rollout is 0',
    spec: withField({ rollout: { growth: 0 } }),
    errors: ['spec.rollout.growth: Invalid value: 0: spec.rollout.growth in body should be greater than or equal to 1'],
  },
  {
    when: 'refresh has both an interval and a schedule',
    spec: withField({ refresh: { intervalSeconds: 900, schedule: '@daily' } }),
    errors: ['spec.refresh: Invalid value: intervalSeconds and schedule are mutually exclusive'],
  },
  {
    when: 'refresh has a time zone but no schedule',
    spec: withField({ refresh: { timeZone: 'Europe/Paris' } }),
    errors: ['spec.refresh: Invalid value: timeZone requires schedule'],
  },
  {
    when: 'the refresh interval is less than a minute',
    spec: withField({ refresh: { intervalSeconds: 59 } }),
    errors: ['spec.refresh.intervalSeconds: Invalid value: 59: must be 0 (no periodic refresh) or at least 60'],
  },
  ...(['* * * *', '* * * * * *', 'CRON_TZ=UTC 0 3 * * *', '@every 5m', 'daily', ''] as const).map((schedule) => ({
    when: `the schedule is "${schedule}"`,
    spec: withField({ refresh: { schedule } }),
    errors: [
      `spec.refresh.schedule: Invalid value: "${schedule}": must be a schedule in Cron format with five fields, such as 0 3 * * 1-5, or one of @hourly, @daily, @weekly, @monthly, @yearly`,
    ],
  })),
  ...(['61 3 * * *', '0 24 * * *', '0 3 1,32 * *', '0 3 1 1-13 *', '0 3 * * 8', '*/15 0-99 * * *'] as const).map(
    (schedule) => ({
      when: `the schedule is "${schedule}"`,
      spec: withField({ refresh: { schedule } }),
      errors: [
        `spec.refresh.schedule: Invalid value: "${schedule}": has a number out of range: minutes are 0 to 59, hours 0 to 23, days of the month 1 to 31, months 1 to 12, days of the week 0 to 7`,
      ],
    }),
  ),
  {
    when: 'the time zone is not a name',
    spec: withField({ refresh: { schedule: '@daily', timeZone: '../etc/passwd' } }),
    errors: ['spec.refresh.timeZone: Invalid value: "../etc/passwd": must be a time zone name, such as Europe/Paris'],
  },
  {
    when: 'In has no values',
    spec: withExpression({ key: 'a', operator: 'In' }),
    errors: [`${expression} operators In and NotIn require at least one entry in values`],
  },
  {
    when: 'Exists has values',
    spec: withExpression({ key: 'a', operator: 'Exists', values: ['b'] }),
    errors: [`${expression} operators Exists and DoesNotExist require values to be empty`],
  },
  ...([[], ['1', '2'], ['many']] as const).map((values) => ({
    when: `Gt has the values [${values.join(', ')}]`,
    spec: withExpression({ key: 'a', operator: 'Gt', values }),
    errors: [`${expression} operators Gt and Lt require exactly one entry in values, an integer`],
  })),
  {
    when: 'an operator is unknown',
    spec: withExpression({ key: 'a', operator: 'Like', values: ['b'] }),
    errors: [
      'spec.cacheSpec[0].nodeMatchExpressions[0].operator: Unsupported value: "Like": supported values: "In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"',
      someRulesUnchecked,
    ],
  },
  {
    when: 'a toleration has neither key nor Exists',
    spec: withField({ tolerations: [{ value: 'a' }] }),
    errors: ['spec.tolerations[0]: Invalid value: if key is empty, operator must be Exists'],
  },
  {
    when: 'a toleration with Exists has a value',
    spec: withField({ tolerations: [{ key: 'a', operator: 'Exists', value: 'b' }] }),
    errors: ['spec.tolerations[0]: Invalid value: if operator is Exists, value must be empty'],
  },
  {
    when: 'tolerationSeconds is set with another effect than NoExecute',
    spec: withField({ tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoSchedule', tolerationSeconds: 5 }] }),
    errors: ['spec.tolerations[0]: Invalid value: tolerationSeconds requires effect NoExecute'],
  },
  ...(['app', 'kubefledged', 'kubefledged.io/node-id', 'batch.kubernetes.io/job-name'] as const).map((key) => ({
    when: `podMetadata sets the label ${key}`,
    spec: withField({ podMetadata: { labels: { [key]: 'x' } } }),
    errors: [
      'spec.podMetadata.labels: Invalid value: app, kubefledged, controller-uid, job-name and keys under kubefledged.io/ and batch.kubernetes.io/ cannot be set',
    ],
  })),
  {
    when: 'podMetadata sets a reserved annotation',
    spec: withField({ podMetadata: { annotations: { 'kubefledged.io/round': '1' } } }),
    errors: [
      'spec.podMetadata.annotations: Invalid value: keys under kubefledged.io/ and batch.kubernetes.io/ cannot be set',
    ],
  },
  {
    when: 'a label value is invalid',
    spec: withField({ podMetadata: { labels: { team: 'a b' } } }),
    errors: [
      "spec.podMetadata.labels[team]: Invalid value: \"a b\": must be a label value: letters, digits, '-', '_' and '.', starting and ending with a letter or digit",
    ],
  },
  ...(['priorityClassName', 'serviceAccountName'] as const).map((field) => ({
    when: `${field} is not a valid name`,
    spec: withField({ [field]: 'A_b' }),
    errors: [`spec.${field}: Invalid value: "A_b": ${objectNameRule}`],
  })),
  {
    when: 'the retention policy is unknown',
    spec: withField({ jobRetentionPolicy: 'Keep' }),
    errors: [
      'spec.jobRetentionPolicy: Unsupported value: "Keep": supported values: "Delete", "Retain"',
      someRulesUnchecked,
    ],
  },
  {
    when: 'the warm gate has an invalid taint key',
    spec: withField({ warmGate: { taintKey: 'a b' } }),
    errors: ['spec.warmGate.taintKey: Invalid value: "a b": must be a taint key, such as example.com/cold'],
  },
  {
    when: 'the timeout of the warm gate is 0',
    spec: withField({ warmGate: { taintKey: 'example.com/cold', timeoutSeconds: 0 } }),
    errors: [
      'spec.warmGate.timeoutSeconds: Invalid value: 0: spec.warmGate.timeoutSeconds in body should be greater than or equal to 1',
    ],
  },
];

/** Accepted specs. */
export const acceptedSpecs: readonly { readonly when: string; readonly spec: object }[] = [
  { when: 'there is no list', spec: { cacheSpec: [] } },
  { when: 'a selector is empty', spec: { cacheSpec: [{ images: ['nginx'], nodeSelector: {} }] } },
  { when: 'references have every form', spec: withImages(...goodReferences) },
  { when: 'the same image is in two lists', spec: { cacheSpec: [{ images: ['nginx'] }, { images: ['nginx'] }] } },
  {
    when: 'images come from workloads',
    spec: {
      cacheSpec: [
        {
          imagesFrom: {
            kinds: ['Deployment', 'Pod'],
            selector: {
              matchLabels: { 'app.kubernetes.io/name': 'web' },
              matchExpressions: [{ key: 'tier', operator: 'In', values: ['front'] }],
            },
            nodes: 'AsPods',
            keepSeconds: 0,
          },
        },
      ],
    },
  },
  { when: 'tolerations is empty', spec: withField({ tolerations: [] }) },
  { when: 'periodic refreshes are disabled', spec: withField({ refresh: { intervalSeconds: 0 } }) },
  {
    when: 'refresh has a schedule and a time zone',
    spec: withField({ refresh: { schedule: '0 3 * * 1-5', timeZone: 'Europe/Paris' } }),
  },
  ...['*/15 0-23/2 1,31 12 7', '59 23 31 JAN-DEC MON', '05 03 * * 01'].map((schedule) => ({
    when: `the schedule is "${schedule}"`,
    spec: withField({ refresh: { schedule } }),
  })),
  { when: 'the schedule is a macro', spec: withField({ refresh: { schedule: '@daily' } }) },
  {
    when: 'pull secrets repeat a name',
    spec: withField({ imagePullSecrets: [{ name: 'regcred' }, { name: 'regcred' }] }),
  },
  { when: 'a pull secret has an empty name', spec: withField({ imagePullSecrets: [{ name: '' }] }) },
  { when: 'a pull secret has no name', spec: withField({ imagePullSecrets: [{}] }) },
  {
    when: 'it is like the samples of kube-fledged',
    spec: {
      cacheSpec: [
        { images: ['ghcr.io/jitesoft/nginx:1.23.1'] },
        {
          images: ['us.gcr.io/k8s-artifacts-prod/cassandra:v7', 'us.gcr.io/k8s-artifacts-prod/etcd:3.5.4-0'],
          nodeSelector: { tier: 'backend' },
        },
      ],
      imagePullSecrets: [{ name: 'myregistrykey' }],
    },
  },
  { when: 'maxConcurrentNodes is a number', spec: withField({ maxConcurrentNodes: 5 }) },
  { when: 'maxConcurrentNodes is 100%', spec: withField({ maxConcurrentNodes: '100%' }) },
  {
    when: 'every field is set',
    spec: {
      cacheSpec: [
        {
          images: ['nginx:1.27'],
          nodeSelector: { pool: 'web' },
          nodeMatchExpressions: [
            { key: 'kubernetes.io/arch', operator: 'In', values: ['amd64'] },
            { key: 'example.com/size', operator: 'Gt', values: ['-1'] },
            { key: 'example.com/spot', operator: 'DoesNotExist' },
          ],
        },
      ],
      imagePullSecrets: [{ name: 'regcred' }],
      suspend: true,
      imagePullPolicy: 'Always',
      pullDeadlineSeconds: 300,
      refresh: { intervalSeconds: 900 },
      maxConcurrentNodes: '10%',
      rollout: {
        canaryNodes: '1%',
        growth: 3,
        topologyKey: 'topology.kubernetes.io/zone',
        maxFailedNodes: 0,
        pauseSeconds: 60,
      },
      pullsPerNode: 2,
      tolerations: [
        { operator: 'Exists' },
        { key: 'example.com/gpu', value: 'a', effect: 'NoExecute', tolerationSeconds: 5 },
      ],
      podMetadata: {
        labels: { 'example.com/team': 'a' },
        annotations: { 'example.com/note': 'any text, of any kind' },
      },
      priorityClassName: '',
      serviceAccountName: 'puller',
      jobRetentionPolicy: 'Retain',
      deletionPolicy: 'Purge',
      warmGate: { taintKey: 'example.com/cold', timeoutSeconds: 900 },
    },
  },
];
