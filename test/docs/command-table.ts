/** Where a documented command is run: on the simulator, on the lab's control plane, or on its Knative. */
export type Ring = 'simulator' | 'cluster' | 'knative' | 'kn';

/** `command` is the whole command on one line without comments, or its beginning with a `…` behind it. */
export type Row = { readonly command: string } & (
  | {
      readonly ring: Ring;
      /** Undoes it, where the next command could not be run after it. */
      readonly afterwards?: string;
    }
  | {
      /** Why no test runs it. */
      readonly because: string;
      /** The test that does the same. */
      readonly instead: string;
    }
);

const uninstall = 'helm uninstall imagecache-functions -n';

/** Every command of the documentation, once. Each ring runs its own in this order. */
export const commandTable: readonly Row[] = [
  // On the simulation that `npm start` begins.
  { command: 'npm start', ring: 'simulator' },
  { command: 'kubectl get imagecaches', ring: 'simulator' },
  { command: 'kubectl get imagecache first-light …', ring: 'simulator' },
  { command: 'kubectl wait --for=condition=Reconciling=False imagecache/web …', ring: 'simulator' },
  { command: 'kubectl wait --for=condition=Ready imagecache/web …', ring: 'simulator' },
  { command: 'kubectl get imagecache web', ring: 'simulator' },
  { command: "kubectl get imagecache web -o jsonpath='{.status.message}'", ring: 'simulator' },
  { command: "kubectl get imagecache web -o custom-columns='IMAGE:.status.images[*].image…", ring: 'simulator' },
  {
    command: 'kubectl annotate imagecache web --overwrite kubefledged.io/refresh-imagecache=verify',
    ring: 'simulator',
    afterwards: 'kubectl wait --for=condition=Ready imagecache/web --timeout=30m',
  },
  { command: 'npm run plugin', ring: 'simulator' },
  { command: 'kubectl imagecache status -A', ring: 'simulator' },
  { command: 'kubectl imagecache check -f deploy/samples/first-light-pods.yaml', ring: 'simulator' },
  { command: 'kubectl annotate imagecache web kubefledged.io/purge-imagecache=', ring: 'simulator' },
  { command: 'kubectl annotate imagecache web kubefledged.io/purge-requested-at=…', ring: 'simulator' },
  { command: "kubectl get imagecache web -o jsonpath='{.status.removals}'", ring: 'simulator' },
  { command: 'kubectl get nodes -o custom-columns=…', ring: 'simulator' },
  { command: 'kubectl get imagecaches -A -o custom-columns=…', ring: 'simulator' },

  // On the control plane, whose nodes run no Pods: first by kustomize, then by Helm.
  { command: 'kubectl apply --server-side -f crds/imagecache.yaml', ring: 'cluster' },
  { command: 'kubectl apply --server-side --force-conflicts -f crds/imagecache.yaml', ring: 'cluster' },
  { command: 'kubectl kustomize deploy/kubectl | …', ring: 'cluster' },
  {
    command: 'kubectl apply -f deploy/kubectl/warm-gate.yaml',
    ring: 'cluster',
    afterwards: 'kubectl delete -f deploy/kubectl/warm-gate.yaml',
  },
  {
    command: 'kubectl apply -f deploy/kubectl/workloads.yaml',
    ring: 'cluster',
    afterwards: 'kubectl delete -f deploy/kubectl/workloads.yaml',
  },
  {
    command: 'kubectl apply -f deploy/kubectl/knative-images.yaml',
    ring: 'cluster',
    afterwards: 'kubectl delete -f deploy/kubectl/knative-images.yaml',
  },
  {
    command: "kubectl -n kube-fledged set env deployment/imagecache-functions KNATIVE_IMAGES='*'",
    ring: 'cluster',
    afterwards: 'kubectl -n kube-fledged set env deployment/imagecache-functions KNATIVE_IMAGES-',
  },
  { command: 'kubectl delete -f deploy/kubectl/standalone.yaml …', ring: 'cluster' },
  {
    command: 'kubectl kustomize deploy/openfaas/ce | …',
    ring: 'cluster',
    afterwards:
      'kubectl delete -f deploy/openfaas/ce/rights.yaml -f deploy/policy/admission-policy.yaml -f deploy/openfaas/ce/source.yaml',
  },
  {
    command: 'kubectl kustomize deploy/openfaas/pro | …',
    ring: 'cluster',
    afterwards:
      'kubectl delete -f deploy/openfaas/pro/rights.yaml -f deploy/policy/admission-policy.yaml -f deploy/openfaas/pro/source.yaml -f deploy/openfaas/pro/functions.yaml',
  },
  {
    command: 'helm install imagecache-functions deploy/helm -n kube-fledged --create-namespace --set global…',
    ring: 'cluster',
  },
  { command: 'kubectl apply -f deploy/samples/imagecache.yaml', ring: 'cluster' },
  { command: 'kubectl apply -f deploy/samples/warm-gate.yaml', ring: 'cluster' },
  { command: 'kubectl apply -f deploy/samples/images-from.yaml', ring: 'cluster' },
  { command: 'kubectl get imagecache images-from …', ring: 'cluster' },
  {
    command: 'helm upgrade imagecache-functions deploy/helm -n kube-fledged --reset-then-reuse-values',
    ring: 'cluster',
  },
  {
    command: 'helm upgrade imagecache-functions deploy/helm -n kube-fledged --reset-then-reuse-values --set …',
    ring: 'cluster',
  },
  { command: 'kubectl -n kube-fledged scale deployment imagecache-functions --replicas=0', ring: 'cluster' },
  { command: 'helm uninstall imagecache-functions -n kube-fledged', ring: 'cluster' },
  {
    command: 'helm install imagecache-functions deploy/helm -n kube-fledged --create-namespace',
    ring: 'cluster',
    afterwards: `${uninstall} kube-fledged`,
  },
  {
    command: "helm install imagecache-functions deploy/helm -n kube-fledged --create-namespace --set 'tenancy…",
    ring: 'cluster',
    afterwards: `${uninstall} kube-fledged`,
  },
  {
    command: 'helm install imagecache-functions deploy/helm -n openfaas-fn --set mode=openfaas',
    ring: 'cluster',
    afterwards: `${uninstall} openfaas-fn`,
  },
  { command: 'node deploy/tools/crd/main.ts release --kubeconfig FILE', ring: 'cluster' },
  {
    command: "kubectl delete jobs -A -l 'app=kubefledged,controller=fledged,!kubefledged.io/cache-uid'",
    ring: 'cluster',
  },
  { command: "(printf 'apiVersion: monitoring.coreos.com/v1…", ring: 'cluster' },

  // On a real Knative.
  { command: 'kubectl kustomize deploy/knative/our-source | …', ring: 'knative' },
  { command: 'kubectl kustomize deploy/knative/knative-sources | …', ring: 'knative' },
  { command: 'kubectl apply -f deploy/knative/functions/namespace.yaml', ring: 'kn' },
  { command: 'for file in rights settings; …', ring: 'kn' },
  { command: 'for function in reconcile:2 …', ring: 'kn' },
  { command: 'kn service create dead-letters …', ring: 'kn' },
  { command: 'kn broker create imagecaches …', ring: 'kn' },
  { command: 'trigger() { …', ring: 'kn' },
  { command: 'trigger …', ring: 'kn' },
  { command: 'kn source binding create …', ring: 'kn' },
  { command: 'kn source ping create …', ring: 'kn' },
  { command: 'kn source apiserver create …', ring: 'kn' },

  // Nowhere.
  {
    command: 'kubectl get images.caching.internal.knative.dev -A …',
    because: 'Images have a condition only where Pods of the product run on real nodes beside Knative',
    instead: 'test/interop/knative/images.knative.test.ts',
  },
  {
    command: 'npm ci && npm start',
    because: 'it installs what the tests run with; .ci/run begins with npm ci',
    instead: 'test/deploy/standalone/try-out.test.ts',
  },
  { command: 'npm test', because: 'it would run itself', instead: '.ci/run' },
  {
    command: 'sudo apt-get install …',
    because: 'tests install nothing on the machine',
    instead: 'test/deploy/tools/images/images-arm64.cluster.test.ts',
  },
  {
    command: 'npm run images -- registry.example.com --platform …',
    because: 'it needs the libraries of another architecture',
    instead: 'test/deploy/tools/images/images-arm64.cluster.test.ts',
  },
  ...['npm run images -- registry.example.com', 'npm run images -- registry.example.com/team'].map((command) => ({
    command,
    because: 'it builds for half a minute, as the tests on real nodes do',
    instead: 'test/deploy/tools/images/images.nodes.test.ts',
  })),
  {
    command:
      'NOOP_IMAGE=registry.example.com/imagecache-noop:0.1.0 REMOVAL_IMAGE=registry.example.com/imagecache-functions:0.1.0 npm start …',
    because: 'it does not end by itself',
    instead: 'test/deploy/standalone/main.test.ts',
  },
  {
    command: 'helm install imagecache-functions deploy/helm -n kube-fledged --create-namespace --set mode=knative',
    because: 'a Knative has one more namespace to be limited to, and images of its own registry',
    instead: 'test/interop/knative/helm.knative.test.ts',
  },
  {
    command: 'kubectl -n kube-fledged logs -l serving.knative.dev/service=dead-letters …',
    because: 'it prints what somebody sent',
    instead: 'test/interop/knative/broker.knative.test.ts',
  },
  ...['export IMAGE=…', 'export NOOP_IMAGE=…', 'faas-cli deploy -f stack.yml'].map((command) => ({
    command,
    because: 'OpenFaaS is not among what the tests build',
    instead: 'test/interop/openfaas/behaviour.cluster.test.ts',
  })),
  {
    command: "kubectl get imagecaches -A -o json | jq -r '.items[].status.images…",
    because: 'jq is not among what the tests need',
    instead: 'test/functions/runtime/registry/patience.test.ts',
  },
  ...[
    'kubectl imagecache migrate --check',
    'kubectl -n kube-fledged scale deployment kubefledged-controller --replicas=0',
    'kubectl delete validatingwebhookconfiguration kubefledged-webhook-server',
    'kubectl get imagecaches -A -o json | jq -r …',
  ].map((command) => ({
    command,
    because: 'it needs a kube-fledged, which the tests stand in for',
    instead: 'test/deploy/plugin/migration.cluster.test.ts',
  })),
  {
    command: 'kubectl imagecache plan -f edited.yaml',
    because: 'it needs a cluster whose nodes report sizes and free space',
    instead: 'test/e2e/purge.nodes.test.ts',
  },
  ...[
    'kubectl imagecache status web',
    'kubectl imagecache explain web node-2',
    'kubectl imagecache explain web node-4',
    'kubectl imagecache wait web; echo $?',
    'kubectl imagecache wait web --timeout=5s; echo $?',
    'kubectl imagecache plan -f mended.yaml',
    'kubectl imagecache plan -f web.yaml',
  ].map((command) => ({
    command,
    because: 'it needs a cluster with the trouble that it shows',
    instead: 'test/docs/troubles.test.ts',
  })),
  {
    command: 'kubectl imagecache check -f storefront.yaml',
    because: 'it needs a cluster with the troubles that it shows',
    instead: 'test/deploy/plugin/check/transcript.test.ts',
  },
  {
    command: 'kubectl imagecache wait --for-images -f deployment.yaml …',
    because: 'it needs nodes that run Pods',
    instead: 'test/e2e/pre-rollout.nodes.test.ts',
  },
  {
    command: 'kubectl delete imagecaches -n shop -l app.kubernetes.io/managed-by=kubectl-imagecache',
    because: 'it needs a cache that the command above makes',
    instead: 'test/e2e/pre-rollout.nodes.test.ts',
  },
  {
    command: "kubectl get imagecaches -A -o json | jq '[…",
    because: 'jq is not among what the tests need',
    instead: 'test/behaviour/scenarios/failing.ts',
  },
  {
    command: 'kubectl get imagecache web -o json | jq …',
    because: 'jq is not among what the tests need',
    instead: 'test/behaviour/scenarios/purging.ts',
  },
  ...['leader=…', 'kubectl port-forward …', 'kubectl logs …'].map((command) => ({
    command,
    because: 'it needs a Pod that runs',
    instead: 'test/e2e/helm.nodes.test.ts',
  })),
  {
    command: 'sudo install dist/kubectl-imagecache /usr/local/bin/',
    because: 'tests install nothing on the machine',
    instead: 'test/deploy/tools/release/release.cluster.test.ts',
  },
  ...['npm run bench', 'npm run bench -- …'].map((command) => ({
    command,
    because: 'it takes up to 40 minutes',
    instead: 'test/bench/bench.test.ts',
  })),
  {
    command: 'npm run bench:report',
    because: 'it writes the pages that it is documented on',
    instead: 'test/bench/report/report.test.ts',
  },
  ...['npm version minor', 'git push --follow-tags', 'npm run release …'].map((command) => ({
    command,
    because: 'it would make a release; a test makes one of a copy',
    instead: 'test/deploy/tools/release/release.cluster.test.ts',
  })),
  ...['cosign verify …', 'gh attestation verify …', 'sha256sum --check …'].map((command) => ({
    command,
    because: 'it needs a release with the signatures of a workflow',
    instead: 'test/deploy/tools/release/release.cluster.test.ts',
  })),
  ...['npm run chaos …', 'npm run chaos -- --real …'].map((command) => ({
    command,
    because: 'it runs for minutes; tests run a few seeds',
    instead: 'test/chaos/chaos.test.ts',
  })),
  ...['npm run oracle …', 'npm run oracle -- --replay …', 'npm run oracle -- --cluster …'].map((command) => ({
    command,
    because: 'it runs for minutes; tests run a few histories',
    instead: 'test/oracle/oracle.test.ts',
  })),
  {
    command: 'npm run attack …',
    because: 'it needs a lab that may be attacked; a test attacks a simulation',
    instead: 'test/security/attack-command.test.ts',
  },
  {
    command: 'npm run memory',
    because: 'it runs for minutes and may need root; tests apply the loads over HTTP',
    instead: 'test/security/http.test.ts',
  },
  {
    command: 'npm run neighbour',
    because: 'it measures for minutes; a test has a tenant and a neighbour on a real API server',
    instead: 'test/security/attacks.cluster.test.ts',
  },
  {
    command: 'npm run fuzz …',
    because: 'it runs for minutes; a test sends a few requests',
    instead: 'test/fuzz/fuzz.test.ts',
  },
];
