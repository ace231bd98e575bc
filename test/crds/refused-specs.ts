import { goodReferences, tooLongReference } from './image-references.ts';

/** What the API server says when CEL rules were left out because of graver mistakes. */
const someRulesUnchecked =
  '<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';

type Refused = { readonly when: string; readonly spec: object; readonly errors: readonly string[] };

const withImages = (...images: readonly string[]) => ({ cacheSpec: [{ images }] });
const beside = (fields: object) => ({ ...withImages('nginx'), ...fields });
const withExpression = (expression: object) => ({
  cacheSpec: [{ images: ['nginx'], nodeMatchExpressions: [expression] }],
});

const expression = 'spec.cacheSpec[0].nodeMatchExpressions[0]: Invalid value:';
const notAnObjectName =
  "not the name of an object: lower-case letters, digits, '-' and '.', a letter or digit at both ends";
const notANumberOrPercentage = 'a number of at least 1, or a percentage from 1% to 100%';

/** Specs that are refused, each with the API server's own words, less what only the newest Kubernetes adds. */
export const refusedSpecs: readonly Refused[] = [
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
    when: 'an image is there twice',
    spec: withImages('a:1', 'b:1', 'a:1'),
    errors: ['spec.cacheSpec[0].images[2]: Duplicate value: "a:1"'],
  },
  {
    when: 'a list has no images field',
    spec: { cacheSpec: [{ nodeSelector: { a: 'b' } }] },
    errors: ['spec.cacheSpec[0].images: Required value', someRulesUnchecked],
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
    when: 'the policy is not one of the two',
    spec: beside({ imagePullPolicy: 'Never' }),
    errors: ['spec.imagePullPolicy: Unsupported value: "Never": supported values: "IfNotPresent", "Always"', someRulesUnchecked],
  },
  {
    when: 'the deadline is zero',
    spec: beside({ pullDeadlineSeconds: 0 }),
    errors: [
      'spec.pullDeadlineSeconds: Invalid value: 0: spec.pullDeadlineSeconds in body should be greater than or equal to 1',
    ],
  },
  {
    when: 'no pod may pull',
    spec: beside({ pullsPerNode: 0 }),
    errors: ['spec.pullsPerNode: Invalid value: 0: spec.pullsPerNode in body should be greater than or equal to 1'],
  },
  ...(['0%', '101%', '10', '-1', 'all', 'two thousand and more'] as const).map((value) => ({
    when: `maxConcurrentNodes is "${value}"`,
    spec: beside({ maxConcurrentNodes: value }),
    errors: [`spec.maxConcurrentNodes: Invalid value: "${value}": ${notANumberOrPercentage}`],
  })),
  {
    when: 'maxConcurrentNodes is 0',
    spec: beside({ maxConcurrentNodes: 0 }),
    errors: [`spec.maxConcurrentNodes: Invalid value: 0: ${notANumberOrPercentage}`],
  },
  {
    when: 'refresh is said twice',
    spec: beside({ refresh: { intervalSeconds: 900, schedule: '@daily' } }),
    errors: ['spec.refresh: Invalid value: intervalSeconds and schedule exclude each other'],
  },
  {
    when: 'a time zone has no schedule',
    spec: beside({ refresh: { timeZone: 'Europe/Paris' } }),
    errors: ['spec.refresh: Invalid value: timeZone needs a schedule'],
  },
  {
    when: 'refreshes would follow each other too fast',
    spec: beside({ refresh: { intervalSeconds: 59 } }),
    errors: ['spec.refresh.intervalSeconds: Invalid value: 59: 0 (no refresh by time) or at least 60 seconds'],
  },
  ...(['* * * *', '* * * * * *', 'CRON_TZ=UTC 0 3 * * *', '@every 5m', 'daily', ''] as const).map((schedule) => ({
    when: `the schedule is "${schedule}"`,
    spec: beside({ refresh: { schedule } }),
    errors: [
      `spec.refresh.schedule: Invalid value: "${schedule}": not a schedule: five fields as in cron, such as 0 3 * * 1-5, or @hourly, @daily, @weekly, @monthly, @yearly`,
    ],
  })),
  {
    when: 'the time zone has no name',
    spec: beside({ refresh: { schedule: '@daily', timeZone: '../etc/passwd' } }),
    errors: ['spec.refresh.timeZone: Invalid value: "../etc/passwd": not the name of a time zone, such as Europe/Paris'],
  },
  {
    when: 'In has no values',
    spec: withExpression({ key: 'a', operator: 'In' }),
    errors: [`${expression} operators In and NotIn need at least one entry in values`],
  },
  {
    when: 'Exists has values',
    spec: withExpression({ key: 'a', operator: 'Exists', values: ['b'] }),
    errors: [`${expression} operators Exists and DoesNotExist take no values`],
  },
  ...([[], ['1', '2'], ['many']] as const).map((values) => ({
    when: `Gt has the values [${values.join(', ')}]`,
    spec: withExpression({ key: 'a', operator: 'Gt', values }),
    errors: [`${expression} operators Gt and Lt need exactly one entry in values, an integer`],
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
    spec: beside({ tolerations: [{ value: 'a' }] }),
    errors: ['spec.tolerations[0]: Invalid value: without a key, operator must be Exists'],
  },
  {
    when: 'a toleration with Exists has a value',
    spec: beside({ tolerations: [{ key: 'a', operator: 'Exists', value: 'b' }] }),
    errors: ['spec.tolerations[0]: Invalid value: operator Exists takes no value'],
  },
  {
    when: 'a toleration ends without having to',
    spec: beside({ tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoSchedule', tolerationSeconds: 5 }] }),
    errors: ['spec.tolerations[0]: Invalid value: tolerationSeconds needs effect NoExecute'],
  },
  ...(['app', 'kubefledged', 'kubefledged.io/node-id', 'batch.kubernetes.io/job-name'] as const).map((key) => ({
    when: `podMetadata sets the label ${key}`,
    spec: beside({ podMetadata: { labels: { [key]: 'x' } } }),
    errors: [
      'spec.podMetadata.labels: Invalid value: app, kubefledged, controller-uid, job-name and keys under kubefledged.io/ and batch.kubernetes.io/ cannot be set',
    ],
  })),
  {
    when: 'podMetadata sets an annotation of ours',
    spec: beside({ podMetadata: { annotations: { 'kubefledged.io/round': '1' } } }),
    errors: [
      'spec.podMetadata.annotations: Invalid value: keys under kubefledged.io/ and batch.kubernetes.io/ cannot be set',
    ],
  },
  {
    when: 'a label has a value that no label can have',
    spec: beside({ podMetadata: { labels: { team: 'a b' } } }),
    errors: [
      'spec.podMetadata.labels[team]: Invalid value: "a b": not the value of a label: letters, digits, \'-\', \'_\' and \'.\', a letter or digit at both ends',
    ],
  },
  ...(['priorityClassName', 'serviceAccountName'] as const).map((field) => ({
    when: `${field} is no name`,
    spec: beside({ [field]: 'A_b' }),
    errors: [`spec.${field}: Invalid value: "A_b": ${notAnObjectName}`],
  })),
  {
    when: 'a pull secret has no name',
    spec: beside({ imagePullSecrets: [{}] }),
    errors: ['spec.imagePullSecrets[0].name: Required value', someRulesUnchecked],
  },
  {
    when: 'the retention is unknown',
    spec: beside({ jobRetentionPolicy: 'Keep' }),
    errors: ['spec.jobRetentionPolicy: Unsupported value: "Keep": supported values: "Delete", "Retain"', someRulesUnchecked],
  },
  {
    when: 'the gate has no taint',
    spec: beside({ warmGate: { taintKey: 'a b' } }),
    errors: ['spec.warmGate.taintKey: Invalid value: "a b": not the key of a taint, such as example.com/cold'],
  },
  {
    when: 'the gate lets go at once',
    spec: beside({ warmGate: { taintKey: 'example.com/cold', timeoutSeconds: 0 } }),
    errors: [
      'spec.warmGate.timeoutSeconds: Invalid value: 0: spec.warmGate.timeoutSeconds in body should be greater than or equal to 1',
    ],
  },
];

/** Specs that are taken. */
export const acceptedSpecs: readonly { readonly when: string; readonly spec: object }[] = [
  { when: 'there is no list', spec: { cacheSpec: [] } },
  { when: 'a selector is empty', spec: { cacheSpec: [{ images: ['nginx'], nodeSelector: {} }] } },
  { when: 'references have every form', spec: withImages(...goodReferences) },
  { when: 'the same image is in two lists', spec: { cacheSpec: [{ images: ['nginx'] }, { images: ['nginx'] }] } },
  { when: 'nothing is tolerated', spec: beside({ tolerations: [] }) },
  { when: 'refreshes are off', spec: beside({ refresh: { intervalSeconds: 0 } }) },
  { when: 'a schedule has its time zone', spec: beside({ refresh: { schedule: '0 3 * * 1-5', timeZone: 'Europe/Paris' } }) },
  { when: 'a schedule is a word', spec: beside({ refresh: { schedule: '@daily' } }) },
  { when: 'maxConcurrentNodes is a number', spec: beside({ maxConcurrentNodes: 5 }) },
  { when: 'maxConcurrentNodes is everything', spec: beside({ maxConcurrentNodes: '100%' }) },
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
      pullsPerNode: 2,
      tolerations: [
        { operator: 'Exists' },
        { key: 'example.com/gpu', value: 'a', effect: 'NoExecute', tolerationSeconds: 5 },
      ],
      podMetadata: { labels: { 'example.com/team': 'a' }, annotations: { 'example.com/note': 'any text, of any kind' } },
      priorityClassName: '',
      serviceAccountName: 'puller',
      jobRetentionPolicy: 'Retain',
      deletionPolicy: 'Purge',
      warmGate: { taintKey: 'example.com/cold', timeoutSeconds: 900 },
    },
  },
];
