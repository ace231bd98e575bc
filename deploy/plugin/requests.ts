import { annotations, verifyValue } from '#model/cache/api.ts';
import type { CacheReference } from '#model/cache/cloud-event.ts';
import type { Api } from '#runtime/api/api.ts';
import { paths } from '#runtime/api/paths.ts';
import { type Command, exitCodes, type Flag, type Invocation } from './command.ts';
import { exitCodesHelp, timeoutFlag, timeoutOf } from './wait/wait.ts';
import { waitFor, whenOver } from './wait/wait-for.ts';

type RequestCommand = {
  readonly verb: 'refresh' | 'purge';
  readonly annotation: string;
  readonly result: string;
  /** What is true once it has succeeded, for the help. */
  readonly done: string;
  readonly summary: string;
  readonly description: string;
  readonly flags: readonly Flag[];
};

const requestCommand = ({ verb, annotation, result, done, summary, description, flags }: RequestCommand): Command => ({
  summary,
  description: `${description}\n\nThis sets the annotation ${annotation} to the current time. Each new value requests one round. A suspended cache handles the request when it is resumed.\n\nWith --wait: ${exitCodesHelp(done)}`,
  examples: [
    [summary.replace(' a cache', ' the cache web'), `${verb} web`],
    ['The same, and wait for the result', `${verb} web --wait --timeout=10m`],
  ],
  usage: `${verb} NAME`,
  flags: [...flags, { name: 'wait', help: 'Wait until the round has ended.' }, timeoutFlag],
  nameCount: { min: 1, max: Infinity },
  run: async (invocation) => {
    const timeout = timeoutOf(invocation);
    const change = invocation.isOn('verify')
      ? { annotation: annotations.refresh, token: verifyValue }
      : { annotation, token: new Date().toISOString() };
    const references = invocation.names.map((name) => ({ namespace: invocation.namespace, name }));
    for (const reference of references) {
      await request(invocation.api, reference, change);
      invocation.terminal.print(`imagecache.kubefledged.io/${reference.name} ${result}`);
    }
    return invocation.isOn('wait') ? waitForAll(references, timeout, invocation) : exitCodes.good;
  },
});

async function request(
  api: Api,
  reference: CacheReference,
  { annotation, token }: { readonly annotation: string; readonly token: string },
): Promise<void> {
  await api.request({
    method: 'PATCH',
    path: `${paths.cache(reference)}?fieldManager=kubectl-imagecache`,
    contentType: 'application/merge-patch+json',
    body: { metadata: { annotations: { [annotation]: token } } },
  });
}

/** The highest exit code. */
async function waitForAll(
  references: readonly CacheReference[],
  timeout: number,
  { api, terminal }: Invocation,
): Promise<number> {
  const codes = await Promise.all(
    references.map((each) => waitFor(each, { api, terminal, timeout, isOver: whenOver })),
  );
  return Math.max(...codes);
}

export const refresh = requestCommand({
  verb: 'refresh',
  annotation: annotations.refreshRequestedAt,
  result: 'refresh requested',
  done: 'all images are present',
  summary: 'Request a refresh of a cache',
  description:
    'Request a refresh of a cache: images that nodes have lost, and tags that have moved, are pulled again. It also restores a purged cache.',
  flags: [
    {
      name: 'verify',
      help: `Let all nodes pull all images again with the current credentials, present or not, as after a pull secret was replaced. Sets the annotation ${annotations.refresh} to "${verifyValue}" instead.`,
    },
  ],
});

export const purge = requestCommand({
  verb: 'purge',
  annotation: annotations.purgeRequestedAt,
  result: 'purge requested',
  done: 'all images are removed, but for those that are still needed',
  summary: 'Request the removal of the images of a cache from its nodes',
  description:
    'Request the removal of the images of a cache from its nodes. The cache stays purged until its spec changes or a refresh is requested.',
  flags: [],
});
