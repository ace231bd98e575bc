import * as z from 'zod/mini';
import type { Api } from '#runtime/api/api.ts';
import { ApiError, isNotFound } from '#runtime/errors.ts';
import { paths } from '#runtime/api/paths.ts';
import { UsageError } from '../command.ts';
import { type FileObject, readObjects } from '../read-objects.ts';
import type { PullSecrets } from './pull-secrets.ts';
import { parseWorkload, type Workload, workloadKind, workloadKinds } from '#model/workload/workload.ts';

/** Workloads, and the pull secrets of their Pods after admission. */
export type FoundWorkload = { readonly workload: Workload; readonly pullSecrets: PullSecrets };

type From = { readonly api: Api; readonly namespace: string };

/** The workloads in files; other kinds are returned by name if they have a Pod template. Throws `UsageError` if there is none. */
export async function workloadsInFiles(
  files: readonly string[],
  input: () => Promise<string>,
  from: From,
): Promise<{ readonly found: readonly FoundWorkload[]; readonly ignored: readonly string[] }> {
  const objects = await readObjects(files, input);
  const workloads = objects.flatMap((object) => workloadIn(object, from.namespace) ?? []);
  if (workloads.length === 0) throw new UsageError(`no Pod and no workload in ${files.join(', ')}`);
  const accounts = new Map(objects.flatMap((object) => accountsIn(object, from.namespace)));
  const found: FoundWorkload[] = [];
  for (const workload of workloads) {
    const account = accounts.get(`${workload.namespace}/${workload.serviceAccount}`);
    found.push({ workload, pullSecrets: await pullSecretsOf(workload, from.api, account) });
  }
  return { found, ignored: objects.flatMap((object) => templateOfOtherKind(object) ?? []) };
}

/** A workload of the cluster by KIND/NAME. Throws `UsageError` for another kind, `ApiError` if it cannot be read. */
export async function workloadNamed(text: string, { api, namespace }: From): Promise<FoundWorkload> {
  const [kindName = '', name = '', ...more] = text.split('/');
  const kind = workloadKind(kindName);
  if (name === '' || more.length > 0) throw new UsageError(`"${text}" is not KIND/NAME, such as deployment/web`);
  if (kind === undefined)
    throw new UsageError(
      `cannot check ${kindName}: ${workloadKinds.map((each) => each.kind.toLowerCase()).join(', ')}`,
    );
  const object = await api.request({
    method: 'GET',
    path: paths.namespaced(kind.api, kind.plural, { namespace, name }),
  });
  const workload = parseWorkload(object, kind, namespace);
  if (kind.kind !== 'Pod') return { workload, pullSecrets: await pullSecretsOf(workload, api) };
  // Admission has added the secrets of the service account.
  return { workload, pullSecrets: { isKnown: true, names: workload.pullSecrets, isFromServiceAccount: false } };
}

const group = z.object({ apiVersion: z.optional(z.string()) });

function workloadIn({ file, kind, value }: FileObject, namespace: string): Workload | undefined {
  const { apiVersion = '' } = group.parse(value);
  const known = workloadKinds.find(
    (each) => each.kind === kind && `/api${apiVersion === 'v1' ? '' : 's'}/${apiVersion}` === each.api,
  );
  if (known === undefined) return undefined;
  try {
    return parseWorkload(value, known, namespace);
  } catch (error) {
    if (!(error instanceof z.core.$ZodError)) throw error;
    const { path, message } = error.issues[0] ?? { path: [], message: '' };
    throw new UsageError(`${file}: ${path.join('.')} of a ${kind}: ${message}`);
  }
}

const template = z.looseObject({
  metadata: z.optional(z.object({ name: z.optional(z.string()) })),
  spec: z.object({ template: z.object({ spec: z.object({ containers: z.array(z.unknown()) }) }) }),
});

/** The name of an object that has Pods which this command does not know. */
function templateOfOtherKind(object: FileObject): string | undefined {
  if (workloadIn(object, '') !== undefined) return undefined;
  const read = template.safeParse(object.value);
  return read.success ? `${object.kind}/${read.data.metadata?.name ?? ''}` : undefined;
}

const serviceAccount = z.object({
  metadata: z.object({ name: z.string(), namespace: z.optional(z.string()) }),
  imagePullSecrets: z.nullish(z.array(z.object({ name: z.optional(z.string()) }))),
});
type ServiceAccount = z.infer<typeof serviceAccount>;

/** None or one, by namespace/name. */
function accountsIn({ kind, value }: FileObject, namespace: string): readonly (readonly [string, ServiceAccount])[] {
  const read = kind === 'ServiceAccount' ? serviceAccount.safeParse(value) : undefined;
  if (read?.success !== true) return [];
  const { metadata } = read.data;
  return [[`${metadata.namespace ?? namespace}/${metadata.name}`, read.data]];
}

/** Admission adds the service account's secrets to Pods that name none. */
async function pullSecretsOf(
  { namespace, serviceAccount: name, pullSecrets }: Workload,
  api: Api,
  known?: ServiceAccount,
): Promise<PullSecrets> {
  if (pullSecrets.length > 0) return { isKnown: true, names: pullSecrets, isFromServiceAccount: false };
  try {
    const account =
      known ?? serviceAccount.parse(await api.request({ method: 'GET', path: paths.serviceAccount(namespace, name) }));
    const names = (account.imagePullSecrets ?? []).flatMap((secret) => secret.name ?? []);
    return { isKnown: true, names, isFromServiceAccount: true };
  } catch (error) {
    if (!(error instanceof ApiError) || (error.status !== 403 && !isNotFound(error))) throw error;
    const problem = isNotFound(error) ? 'does not exist' : 'may not be read';
    return {
      isKnown: false,
      why: `the service account ${namespace}/${name} ${problem}, so the pull secrets of the Pod are not known`,
    };
  }
}
