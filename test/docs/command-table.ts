/** Where a documented command is run: on the simulator, on the lab's control plane, or on its Knative. */
export type Ring = 'simulator' | 'cluster' | 'knative' | 'kn';

/** `command` is the whole command on one line without comments, or its beginning with a `…` behind it. */
export type Row = { readonly command: string } & (
  | { readonly ring: Ring; readonly afterwards: string | undefined }
  | { readonly because: string; readonly instead: string }
);

/** The commands that tests run, those of each ring in this order. */
const run = {
  // On the simulation that `npm start` begins.
  simulator: [
    'npm start',
    'kubectl get imagecaches',
    'kubectl get imagecache first-light …',
    'kubectl wait --for=condition=Reconciling=False imagecache/web …',
    'kubectl wait --for=condition=Ready imagecache/web …',
    'kubectl get imagecache web',
    "kubectl get imagecache web -o jsonpath='{.status.message}'",
    "kubectl get imagecache web -o custom-columns='IMAGE:.status.images[*].image…",
    'kubectl annotate imagecache web --overwrite kubefledged.io/refresh-imagecache=verify',
    'npm run plugin',
    'kubectl imagecache status -A',
    'kubectl imagecache check -f deploy/samples/first-light-pods.yaml',
    'kubectl annotate imagecache web kubefledged.io/purge-imagecache=',
    'kubectl annotate imagecache web kubefledged.io/purge-requested-at=…',
    "kubectl get imagecache web -o jsonpath='{.status.removals}'",
    'kubectl get nodes -o custom-columns=…',
    'kubectl get imagecaches -A -o custom-columns=…',
  ],
  // On the control plane, whose nodes run no Pods: first by kustomize, then by Helm.
  cluster: [
    'kubectl apply --server-side -f crds/imagecache.yaml',
    'kubectl apply --server-side --force-conflicts -f crds/imagecache.yaml',
    'kubectl kustomize deploy/kubectl | …',
    'kubectl apply -f deploy/kubectl/warm-gate.yaml',
    'kubectl apply -f deploy/kubectl/workloads.yaml',
    'kubectl apply -f deploy/kubectl/knative-images.yaml',
    "kubectl -n kube-fledged set env deployment/imagecache-functions KNATIVE_IMAGES='*'",
    'kubectl delete -f deploy/kubectl/standalone.yaml …',
    'kubectl kustomize deploy/openfaas/ce | …',
    'kubectl kustomize deploy/openfaas/pro | …',
    'helm install imagecache-functions deploy/helm -n kube-fledged --create-namespace --set global…',
    'kubectl apply -f deploy/samples/imagecache.yaml',
    'kubectl apply -f deploy/samples/warm-gate.yaml',
    'kubectl apply -f deploy/samples/images-from.yaml',
    'kubectl get imagecache images-from …',
    'helm upgrade imagecache-functions deploy/helm -n kube-fledged --reset-then-reuse-values',
    'helm upgrade imagecache-functions deploy/helm -n kube-fledged --reset-then-reuse-values --set …',
    'kubectl -n kube-fledged scale deployment imagecache-functions --replicas=0',
    'helm uninstall imagecache-functions -n kube-fledged',
    'helm install imagecache-functions deploy/helm -n kube-fledged --create-namespace',
    "helm install imagecache-functions deploy/helm -n kube-fledged --create-namespace --set 'tenancy…",
    'helm install imagecache-functions deploy/helm -n openfaas-fn --set mode=openfaas',
    'node deploy/tools/crd/main.ts release --kubeconfig FILE',
    "kubectl delete jobs -A -l 'app=kubefledged,controller=fledged,!kubefledged.io/cache-uid'",
    "(printf 'apiVersion: monitoring.coreos.com/v1…",
  ],
  // On a real Knative, with each way of delivering events.
  knative: ['kubectl kustomize deploy/knative/our-source | …', 'kubectl kustomize deploy/knative/knative-sources | …'],
  // On the same, by kn.
  kn: [
    'kubectl apply -f deploy/knative/functions/namespace.yaml',
    'for file in rights settings; …',
    'for function in reconcile:2 …',
    'kn service create dead-letters …',
    'kn broker create imagecaches …',
    'trigger() { …',
    'trigger …',
    'kn source binding create …',
    'kn source ping create …',
    'kn source apiserver create …',
  ],
} as const satisfies Record<Ring, readonly string[]>;

/** What undoes a command after which the next could not be run. */
const afterwards: Readonly<Record<string, string>> = {
  'kubectl annotate imagecache web --overwrite kubefledged.io/refresh-imagecache=verify':
    'kubectl wait --for=condition=Ready imagecache/web --timeout=30m',
  'kubectl apply -f deploy/kubectl/warm-gate.yaml': 'kubectl delete -f deploy/kubectl/warm-gate.yaml',
  'kubectl apply -f deploy/kubectl/workloads.yaml': 'kubectl delete -f deploy/kubectl/workloads.yaml',
  'kubectl apply -f deploy/kubectl/knative-images.yaml': 'kubectl delete -f deploy/kubectl/knative-images.yaml',
  "kubectl -n kube-fledged set env deployment/imagecache-functions KNATIVE_IMAGES='*'":
    'kubectl -n kube-fledged set env deployment/imagecache-functions KNATIVE_IMAGES-',
  'kubectl kustomize deploy/openfaas/ce | …':
    'kubectl delete -f deploy/openfaas/ce/rights.yaml -f deploy/policy/admission-policy.yaml -f deploy/openfaas/ce/source.yaml',
  'kubectl kustomize deploy/openfaas/pro | …':
    'kubectl delete -f deploy/openfaas/pro/rights.yaml -f deploy/policy/admission-policy.yaml -f deploy/openfaas/pro/source.yaml -f deploy/openfaas/pro/functions.yaml',
  'helm install imagecache-functions deploy/helm -n kube-fledged --create-namespace':
    'helm uninstall imagecache-functions -n kube-fledged',
  "helm install imagecache-functions deploy/helm -n kube-fledged --create-namespace --set 'tenancy…":
    'helm uninstall imagecache-functions -n kube-fledged',
  'helm install imagecache-functions deploy/helm -n openfaas-fn --set mode=openfaas':
    'helm uninstall imagecache-functions -n openfaas-fn',
};

/** Commands that no test runs, why, and the test that does the same. */
const notRun: readonly { readonly because: string; readonly instead: string; readonly commands: readonly string[] }[] =
  [
    {
      because: 'Images have a condition only where Pods of the product run on real nodes beside Knative',
      instead: 'test/interop/knative/images.knative.test.ts',
      commands: ['kubectl get images.caching.internal.knative.dev -A …'],
    },
    {
      because: 'it installs what the tests run with; .ci/run begins with npm ci',
      instead: 'test/deploy/standalone/try-out.test.ts',
      commands: ['npm ci && npm start'],
    },
    { because: 'it would run itself', instead: '.ci/run', commands: ['npm test'] },
    {
      because: 'it downloads Node and libraries of another architecture',
      instead: 'test/deploy/tools/images/images-arm64.cluster.test.ts',
      commands: ['npm run images -- registry.example.com --platform …'],
    },
    {
      because: 'it builds for half a minute, as the tests on real nodes do',
      instead: 'test/deploy/tools/images/images.nodes.test.ts',
      commands: ['npm run images -- registry.example.com', 'npm run images -- registry.example.com/team'],
    },
    {
      because: 'it does not end by itself',
      instead: 'test/deploy/standalone/main.test.ts',
      commands: [
        'NOOP_IMAGE=registry.example.com/imagecache-noop:0.1.0 REMOVAL_IMAGE=registry.example.com/imagecache-functions:0.1.0 npm start …',
      ],
    },
    {
      because: 'a Knative has one more namespace to be limited to, and images of its own registry',
      instead: 'test/interop/knative/helm.knative.test.ts',
      commands: ['helm install imagecache-functions deploy/helm -n kube-fledged --create-namespace --set mode=knative'],
    },
    {
      because: 'it prints what somebody sent',
      instead: 'test/interop/knative/broker.knative.test.ts',
      commands: ['kubectl -n kube-fledged logs -l serving.knative.dev/service=dead-letters …'],
    },
    {
      because: 'OpenFaaS is not among what the tests build',
      instead: 'test/interop/openfaas/behaviour.cluster.test.ts',
      commands: ['export IMAGE=…', 'export NOOP_IMAGE=…', 'faas-cli deploy -f stack.yml'],
    },
    {
      because: 'jq is not among what the tests need',
      instead: 'test/functions/runtime/registry/patience.test.ts',
      commands: ["kubectl get imagecaches -A -o json | jq -r '.items[].status.images…"],
    },
    {
      because: 'it needs a kube-fledged, which the tests stand in for',
      instead: 'test/deploy/plugin/migration.cluster.test.ts',
      commands: [
        'kubectl imagecache migrate --check',
        'kubectl -n kube-fledged scale deployment kubefledged-controller --replicas=0',
        'kubectl delete validatingwebhookconfiguration kubefledged-webhook-server',
        'kubectl get imagecaches -A -o json | jq -r …',
      ],
    },
    {
      because: 'it needs a cluster whose nodes report sizes and free space',
      instead: 'test/e2e/purge.nodes.test.ts',
      commands: ['kubectl imagecache plan -f edited.yaml'],
    },
    {
      because: 'it needs a cluster with the trouble that it shows',
      instead: 'test/docs/troubles.test.ts',
      commands: [
        'kubectl imagecache status web',
        'kubectl imagecache explain web node-2',
        'kubectl imagecache explain web node-4',
        'kubectl imagecache wait web; echo $?',
        'kubectl imagecache wait web --timeout=5s; echo $?',
        'kubectl imagecache plan -f mended.yaml',
        'kubectl imagecache plan -f web.yaml',
      ],
    },
    {
      because: 'it needs a cluster with the troubles that it shows',
      instead: 'test/deploy/plugin/check/transcript.test.ts',
      commands: ['kubectl imagecache check -f storefront.yaml'],
    },
    {
      because: 'it needs nodes that run Pods',
      instead: 'test/e2e/pre-rollout.nodes.test.ts',
      commands: ['kubectl imagecache wait --for-images -f deployment.yaml …'],
    },
    {
      because: 'it needs a cache that the command above makes',
      instead: 'test/e2e/pre-rollout.nodes.test.ts',
      commands: ['kubectl delete imagecaches -n shop -l app.kubernetes.io/managed-by=kubectl-imagecache'],
    },
    {
      because: 'jq is not among what the tests need',
      instead: 'test/behaviour/scenarios/failing.ts',
      commands: ["kubectl get imagecaches -A -o json | jq '[…"],
    },
    {
      because: 'jq is not among what the tests need',
      instead: 'test/behaviour/scenarios/purging.ts',
      commands: ['kubectl get imagecache web -o json | jq …'],
    },
    {
      because: 'it needs a Pod that runs',
      instead: 'test/e2e/helm.nodes.test.ts',
      commands: ['leader=…', 'kubectl port-forward …', 'kubectl logs …'],
    },
    {
      because: 'tests install nothing on the machine',
      instead: 'test/deploy/tools/release/release.cluster.test.ts',
      commands: ['sudo install dist/kubectl-imagecache /usr/local/bin/'],
    },
    {
      because: 'it takes up to 40 minutes',
      instead: 'test/bench/bench.test.ts',
      commands: ['npm run bench', 'npm run bench -- …'],
    },
    {
      because: 'it writes the pages that it is documented on',
      instead: 'test/bench/report/report.test.ts',
      commands: ['npm run bench:report'],
    },
    {
      because: 'it would make a release; a test makes one of a copy',
      instead: 'test/deploy/tools/release/release.cluster.test.ts',
      commands: ['npm version minor', 'git push --follow-tags', 'npm run release …'],
    },
    {
      because: 'it needs a release with the signatures of a workflow',
      instead: 'test/deploy/tools/release/release.cluster.test.ts',
      commands: ['cosign verify …', 'gh attestation verify …', 'sha256sum --check …'],
    },
    {
      because: 'it runs for minutes; tests run a few seeds',
      instead: 'test/chaos/chaos.test.ts',
      commands: ['npm run chaos …', 'npm run chaos -- --real …'],
    },
    {
      because: 'it runs for minutes; tests run a few histories',
      instead: 'test/oracle/oracle.test.ts',
      commands: ['npm run oracle …', 'npm run oracle -- --replay …', 'npm run oracle -- --cluster …'],
    },
    {
      because: 'it needs a lab that may be attacked; a test attacks a simulation',
      instead: 'test/security/attack-command.test.ts',
      commands: ['npm run attack …'],
    },
    {
      because: 'it runs for minutes and may need root; tests apply the loads over HTTP',
      instead: 'test/security/http.test.ts',
      commands: ['npm run memory'],
    },
    {
      because: 'it plays histories for half an hour; a test plays a few',
      instead: 'test/security/hostile/hostile.test.ts',
      commands: ['npm run hostile -- --minutes 30'],
    },
    {
      because: 'it measures for minutes; a test has a tenant and a neighbour on a real API server',
      instead: 'test/security/attacks.cluster.test.ts',
      commands: ['npm run neighbour'],
    },
    {
      because: 'it runs for minutes; a test sends a few requests',
      instead: 'test/fuzz/fuzz.test.ts',
      commands: ['npm run fuzz …'],
    },
    {
      because: 'it runs the tests of the model once per changed operator, for minutes to hours',
      instead: 'vitest.mutation.config.ts',
      commands: ['npm run mutation …'],
    },
  ];

const rings = ['simulator', 'cluster', 'knative', 'kn'] as const;

/** Every command of the documentation, once. */
export const commandTable: readonly Row[] = [
  ...rings.flatMap((ring) => run[ring].map((command): Row => ({ command, ring, afterwards: afterwards[command] }))),
  ...notRun.flatMap(({ commands, ...reason }) => commands.map((command): Row => ({ command, ...reason }))),
];
