import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { readFile } from 'node:fs/promises';
import type { Settings } from '#model/cache/settings.ts';
import type { Lab } from '../cluster/lab.ts';
import { chart, helm, type Manifest, manifestsIn, root } from '../deploy/helm/chart.ts';

/** One way to install the product. */
export type Mode = {
  readonly name: string;
  readonly namespace: string;
  /** Service accounts that create Jobs; the first may patch Nodes. */
  readonly accounts: readonly [string, ...string[]];
  /** Folder for `kubectl apply -k`, or values for `helm install`. */
  readonly from: string | readonly string[];
  /** What of its Jobs differs from those of the chart's defaults. */
  readonly settings: Partial<Settings>;
};

const knativeAccounts = ['reconcile', 'job-complete', 'refresh', 'purge'].map((name) => `imagecache-${name}`);
const [reconcile = '', ...others] = knativeAccounts;
const registry = 'registry.example.com';

export const modes: readonly Mode[] = [
  {
    name: 'standalone, kubectl',
    namespace: 'kube-fledged',
    accounts: ['imagecache-functions'],
    from: 'deploy/kubectl',
    settings: {},
  },
  {
    name: 'Knative, kubectl',
    namespace: 'kube-fledged',
    accounts: [reconcile, ...others],
    from: 'deploy/knative/our-source',
    settings: {
      noopImage: `${registry}/imagecache-noop:0.1.0`,
      removalImage: `${registry}/imagecache-functions:0.1.0`,
    },
  },
  {
    name: 'OpenFaaS, kubectl',
    namespace: 'openfaas-fn',
    accounts: ['default'],
    from: 'deploy/openfaas/ce',
    settings: { namespace: 'openfaas-fn' },
  },
  {
    name: 'standalone, Helm',
    namespace: 'helm-standalone',
    accounts: ['attacked'],
    from: [],
    settings: { namespace: 'helm-standalone' },
  },
  {
    name: 'Knative, Helm',
    namespace: 'helm-knative',
    accounts: [reconcile, ...others],
    from: ['mode=knative'],
    settings: { namespace: 'helm-knative' },
  },
  {
    name: 'OpenFaaS, Helm',
    namespace: 'helm-openfaas',
    accounts: ['default'],
    from: ['mode=openfaas'],
    settings: { namespace: 'helm-openfaas' },
  },
];

/** What kubectl needs to act as an account of a mode. */
export const as = ({ namespace, accounts: [first] }: Mode, account = first): string =>
  `--as=system:serviceaccount:${namespace}:${account}`;

const limits = ['ClusterRole', 'ClusterRoleBinding', 'ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding'];
const kept = [...limits, 'ServiceAccount', 'Role', 'RoleBinding'];

/** Accounts, rights and policies of a mode with the warm gate on, without processes; all modes fit in one cluster. */
export async function manifestsOf(mode: Mode, lab: Lab): Promise<readonly object[]> {
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: mode.namespace } };
  const manifests = (await renderedFor(mode, lab)).filter(({ kind }) => kept.includes(kind));
  return [namespace, ...manifests.map((manifest) => renamed(manifest, mode))];
}

async function renderedFor(mode: Mode, lab: Lab): Promise<readonly Manifest[]> {
  if (typeof mode.from === 'string')
    return [...manifestsIn(await lab.ask('kustomize', join(root, mode.from))), ...(await warmGateOf(mode))];
  const values = ['fullnameOverride=attacked', 'warmGate.taints={example.com/cold}', ...mode.from];
  const sets = values.flatMap((value) => ['--set', value]);
  const { code, stdout, stderr } = await helm(
    lab,
    ...['template', 'attacked', chart, '-n', mode.namespace, '--no-hooks', ...sets],
  );
  if (code !== 0) throw new Error(stderr);
  return manifestsIn(stdout);
}

/** deploy/kubectl/warm-gate.yaml for the accounts of the mode. */
async function warmGateOf({ namespace, accounts }: Mode): Promise<readonly Manifest[]> {
  const subjects = accounts.map((name) => ({ kind: 'ServiceAccount', name, namespace }));
  const documents = parseAllDocuments(await readFile(join(root, 'deploy/kubectl/warm-gate.yaml'), 'utf8'));
  return documents
    .map((document) => document.toJS() as Manifest)
    .map((manifest) => ('subjects' in manifest ? { ...manifest, subjects } : manifest));
}

/** Cluster-wide objects get the name of the mode, as all modes call theirs the same. */
function renamed(manifest: Manifest, { name: mode }: Mode): Manifest {
  const own = (name: unknown): string => `${mode.toLowerCase().replace(', ', '-')}-${String(name)}`;
  const { roleRef, spec } = manifest as { roleRef?: { kind: string; name: string }; spec?: { policyName?: string } };
  return {
    ...manifest,
    ...(limits.includes(manifest.kind) && { metadata: { ...manifest.metadata, name: own(manifest.metadata.name) } }),
    ...(roleRef?.kind === 'ClusterRole' && { roleRef: { ...roleRef, name: own(roleRef.name) } }),
    ...(spec?.policyName !== undefined && { spec: { ...spec, policyName: own(spec.policyName) } }),
  };
}
