import * as z from 'zod/mini';
import type { Api } from '#runtime/api/api.ts';
import { listItems } from '#runtime/api/list-items.ts';
import { type Namespaces, pathsWithin, paths } from '#runtime/api/paths.ts';

/** A workload that runs kube-fledged's controller, or its operator, which would recreate the controller. */
export type Controller = { readonly kind: 'Pod' | 'Deployment'; readonly namespace: string; readonly name: string };

const podSpec = z.object({
  containers: z.array(
    z.object({
      image: z.optional(z.string()),
      command: z.optional(z.array(z.string())),
      args: z.optional(z.array(z.string())),
    }),
  ),
});
type PodSpec = z.infer<typeof podSpec>;

const metadata = z.object({
  namespace: z.string(),
  name: z.string(),
});
const pod = z.object({ metadata, spec: podSpec, status: z.optional(z.object({ phase: z.optional(z.string()) })) });
const deployment = z.object({
  metadata,
  spec: z.object({ replicas: z._default(z.number(), 1), template: z.object({ spec: podSpec }) }),
});

/** Labels of the Pods of kube-fledged's manifests and chart, to not list every Pod of the cluster. */
const selectors = ['kubefledged=kubefledged-controller', 'app.kubernetes.io/name=kube-fledged'];

/** Lists running Pods of kube-fledged's controller. Needs permission to list Pods only. Throws `ApiError`. */
export async function runningControllers(api: Api, namespaces: Namespaces = []): Promise<readonly Controller[]> {
  const found = new Map<string, Controller>();
  for (const selector of selectors)
    for (const { metadata: of, spec, status } of await listItems(api, pathsWithin(namespaces, paths.pods), {
      bound: 'page_pods',
      parse,
      selector,
    })) {
      const hasEnded = status?.phase === 'Succeeded' || status?.phase === 'Failed';
      if (hasEnded || !runsController(spec)) continue;
      found.set(`${of.namespace}/${of.name}`, { kind: 'Pod', namespace: of.namespace, name: of.name });
    }
  return [...found.values()];
}

const parse = (object: unknown): z.infer<typeof pod> => pod.parse(object);

/** Lists the arguments of kube-fledged's controllers, also of Deployments without replicas. Throws `ApiError`. */
export async function controllerArguments(
  api: Api,
): Promise<readonly { readonly namespace: string; readonly args: readonly string[] }[]> {
  const all = await deployments(api);
  return all.flatMap(({ metadata: { namespace }, spec }) => {
    const { containers } = spec.template.spec;
    return runsController(spec.template.spec)
      ? containers.map(({ command = [], args = [] }) => ({ namespace, args: [...command.slice(1), ...args] }))
      : [];
  });
}

const deployments = (api: Api): Promise<readonly z.infer<typeof deployment>[]> =>
  listItems(api, '/apis/apps/v1/deployments', {
    bound: 'page_deployments',
    parse: (object) => deployment.parse(object),
  });

/** Lists Deployments of kube-fledged's controller or operator with replicas, whatever their labels. Throws `ApiError`. */
export async function controllerDeployments(api: Api): Promise<readonly Controller[]> {
  const all = await deployments(api);
  return all.flatMap(({ metadata: { namespace, name }, spec }) =>
    spec.replicas > 0 && (runsController(spec.template.spec) || runs(spec.template.spec, 'kubefledged-operator'))
      ? [{ kind: 'Deployment', namespace, name }]
      : [],
  );
}

const runsController = (spec: PodSpec): boolean => runs(spec, 'kubefledged-controller');

/** Matches the command, or the last part of the image's name, which mirrors keep. */
const runs = ({ containers }: PodSpec, program: string): boolean =>
  containers.some(
    ({ image = '', command = [] }) =>
      command[0]?.split('/').at(-1) === program || image.split('/').at(-1)?.split(/[:@]/)[0] === program,
  );
