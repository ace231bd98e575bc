import type { Manifest } from './chart.ts';

/** Compares two sets of manifests by the names and the relevant fields of their objects. */

type Rule = {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
};
type Binding = {
  readonly roleRef: { readonly kind: string; readonly name: string };
  readonly subjects: readonly { readonly name: string }[];
};
type Right = {
  readonly account: string;
  /** '' is the whole cluster. */
  readonly namespace: string;
  readonly group: string;
  readonly resource: string;
  /** '' is any. */
  readonly name: string;
  readonly verb: string;
};

const rulesOf = (role: Manifest): readonly Rule[] => role['rules'] as readonly Rule[];
const namespaceOf = ({ metadata }: Manifest): string => metadata.namespace ?? '';

export const named = (manifest: Manifest): string =>
  `${manifest.kind} ${namespaceOf(manifest)}/${manifest.metadata.name}`;

/** The rights of each account by bindings of this kind. */
export function rightsOf(
  manifests: readonly Manifest[],
  binding: 'RoleBinding' | 'ClusterRoleBinding',
): readonly Right[] {
  return manifests
    .filter(({ kind }) => kind === binding)
    .flatMap((each) => {
      const { name, kind } = each['roleRef'] as Binding['roleRef'];
      const isBoundRole = (role: Manifest): boolean =>
        role.kind === kind &&
        role.metadata.name === name &&
        (kind === 'ClusterRole' || namespaceOf(role) === namespaceOf(each));
      const role = manifests.find(isBoundRole);
      if (role === undefined) throw new Error(`${named(each)} binds a ${kind} ${name} that does not exist`);
      const accounts = (each['subjects'] as Binding['subjects']).map((subject) => subject.name);
      return accounts.flatMap((account) =>
        rulesOf(role).flatMap((rule) =>
          grants(rule).map((right) => ({ account, namespace: namespaceOf(each), ...right })),
        ),
      );
    });
}

const grants = ({ apiGroups, resources, resourceNames = [''], verbs }: Rule) =>
  apiGroups.flatMap((group) =>
    resources.flatMap((resource) =>
      resourceNames.flatMap((name) => verbs.map((verb) => ({ group, resource, name, verb }))),
    ),
  );

/** The accounts that have a right in any namespace. */
export const bound = (
  manifests: readonly Manifest[],
  group: string,
  resource: string,
  verb: string,
): readonly string[] => {
  const all = [...rightsOf(manifests, 'ClusterRoleBinding'), ...rightsOf(manifests, 'RoleBinding')];
  const having = all.filter((each) => each.group === group && each.resource === resource && each.verb === verb);
  return [...new Set(having.map(({ account }) => account))];
};

/** Registries, resources, checksums of settings, the name of the source and labels of Helm are ignored. */
const isIgnored = ([key, value]: readonly [string, unknown]): boolean =>
  ['labels', 'app.kubernetes.io/instance', 'imagePullPolicy', 'checksum/settings'].includes(key) ||
  (key === 'resources' && !Array.isArray(value));
const plain = (text: string): string =>
  text
    .replaceAll(/\bimagecache-source\b/g, 'imagecache-functions-source')
    .replaceAll(/registry\.example\.com\/|ghcr\.io\/imagecache-functions\//g, '');

const shape = (value: unknown): unknown => {
  if (typeof value === 'string') return plain(value);
  if (Array.isArray(value)) return value.map(shape);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter((entry) => !isIgnored(entry));
  return Object.fromEntries(kept.map(([key, each]) => [key, shape(each)]));
};

const flat = (rules: readonly Rule[]): readonly string[] =>
  rules
    .flatMap(grants)
    .map(({ group, resource, name, verb }) => `${verb} ${group}/${resource}/${name}`)
    .toSorted();

/** The relevant fields of each object by its name. Of a Deployment, only its account, program, image and tick. */
export function comparable(manifests: readonly Manifest[]): Map<string, unknown> {
  const entries = manifests.map((manifest) => [plain(named(manifest)), relevantFields(manifest)] as const);
  return new Map(entries);
}

function relevantFields(manifest: Manifest): unknown {
  const { kind } = manifest;
  if (kind === 'Role' || kind === 'ClusterRole') return flat(rulesOf(manifest));
  if (kind === 'ConfigMap') return undefined;
  const rest = { ...manifest, metadata: undefined };
  if (kind === 'Deployment') {
    const { spec } = manifest as unknown as Deployment;
    const { serviceAccountName, containers } = spec.template.spec;
    const [container] = containers;
    const tick = container?.env.find(({ name }) => name === 'TICK_SCHEDULE');
    return shape({ serviceAccountName, program: container?.args[0], tick, image: container?.image });
  }
  return shape({ ...rest, visibility: manifest.metadata.labels?.['networking.knative.dev/visibility'] });
}

type Deployment = {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly serviceAccountName: string;
        readonly containers: readonly {
          readonly image: string;
          readonly args: readonly string[];
          readonly env: readonly { readonly name: string }[];
        }[];
      };
    };
  };
};
