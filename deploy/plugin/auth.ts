import * as z from 'zod/mini';
import { imagePatterns } from '#model/cache/tenancy.ts';
import type { Settings } from '#model/cache/settings.ts';
import type { Api } from '#runtime/api/api.ts';
import { ApiError } from '#runtime/errors.ts';
import { type Command, exitCodes, type Invocation } from './command.ts';
import { dataText } from './data-text.ts';
import { settingsInUse } from './settings-in-use.ts';
import { table } from './table.ts';

export const auth: Command = {
  summary: 'Show what the ImageCaches of a namespace may ask for',
  description: `Show what the ImageCaches of a namespace may ask for under the settings of the installation: images, limits, priority classes, kinds of workloads, and whether the admission policies are in force. Changes nothing.

The settings are read from the Deployment, and the bindings of the policies from the cluster, with your rights. If the Deployment cannot be read, nothing is shown: the defaults may not be what holds.`,
  examples: [
    ['Show what holds in the current namespace', 'auth'],
    ['The same for a namespace, as JSON', 'auth team-a -o json'],
  ],
  usage: 'auth [NAMESPACE]',
  flags: [],
  nameCount: { min: 0, max: 1 },
  run,
};

async function run({ api, names, namespace: current, output, terminal }: Invocation): Promise<number> {
  const [namespace = current] = names;
  const [{ settings, origin, isRead }, policies] = await Promise.all([settingsInUse(api), policiesInForce(api)]);
  if (!isRead) {
    terminal.note(`error: what holds in namespace ${namespace} is not known: ${origin}`);
    return exitCodes.error;
  }
  const allowed = { namespace, ...allowedIn(namespace, settings), policies, origin };
  terminal.print(dataText(output, allowed) ?? lines(allowed).join('\n'));
  return exitCodes.good;
}

/** What caches of a namespace may ask for; a limit of 0 is none, and images that are absent are any. */
function allowedIn(namespace: string, { limits, workloadKinds, warmGateTaints, warmGateNamespaces }: Settings) {
  const { tenantImages, priorityClasses, ...numbers } = limits;
  return {
    mode: tenantImages === undefined ? 'Trusted' : 'Isolated',
    images: imagePatterns(namespace, limits),
    limits: numbers,
    priorityClasses,
    workloadKinds: workloadKinds.map(({ kind }) => kind),
    warmGateTaints: warmGateNamespaces.includes(namespace) ? warmGateTaints : [],
  };
}

type Allowed = ReturnType<typeof allowedIn> & {
  readonly namespace: string;
  readonly policies: Policies;
  readonly origin: string;
};

function lines({ namespace, mode, images, limits, origin, policies, ...rest }: Allowed): readonly string[] {
  const among = (texts: readonly string[]): string => (texts.length === 0 ? 'none' : texts.join(', '));
  const minutes = (ms: number): string => (ms === 0 ? 'no limit' : `${ms / 60_000} min`);
  const atMost = (count: number): string => (count === 0 ? 'no limit' : String(count));
  const rows: readonly (readonly [string, string])[] = [
    ['mode', mode],
    ['images', images === undefined ? 'any' : among(images)],
    ['images in a cache', atMost(limits.images)],
    ['bytes of their references', atMost(limits.imageBytes)],
    ['Pods on a node, of the namespace', atMost(limits.namespacePodsPerNode)],
    ['Pods on a node, of all', atMost(limits.podsPerNode)],
    ['pull deadline', minutes(limits.pullDeadline)],
    ['priority classes', among(rest.priorityClasses)],
    ['kinds for imagesFrom', among(rest.workloadKinds)],
    ['taints of the warm gate', among(rest.warmGateTaints)],
    ['hold of a new node', minutes(limits.warmGateTimeout)],
    ['admission policies', policies === 'Unknown' ? 'not known: their bindings cannot be read' : among(policies)],
  ];
  const missing = mode === 'Isolated' && policies !== 'Unknown' && !policies.some((name) => name.endsWith('-tenancy'));
  return [
    ...table([{ title: `IN ${namespace}` }, { title: 'ALLOWED' }], rows),
    '',
    ...(missing ? ['The policy for tenants is missing: whoever writes a cache is not checked.'] : []),
    `By the ${origin}.`,
  ];
}

/** Names of the product's policies that deny; Unknown if they cannot be read. */
type Policies = readonly string[] | 'Unknown';

const bindings = z.object({
  items: z.array(
    z.object({ spec: z.object({ policyName: z.string(), validationActions: z.optional(z.array(z.string())) }) }),
  ),
});

const path = `/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings?labelSelector=${encodeURIComponent('app.kubernetes.io/name=imagecache-functions')}`;

async function policiesInForce(api: Api): Promise<Policies> {
  try {
    const { items } = bindings.parse(await api.request({ method: 'GET', path }));
    return items.flatMap(({ spec }) => (spec.validationActions?.includes('Deny') === true ? [spec.policyName] : []));
  } catch (error) {
    if (error instanceof ApiError && (error.status === 403 || error.status === 404)) return 'Unknown';
    throw error;
  }
}
