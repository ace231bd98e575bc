import { annotations } from '#model/cache/api.ts';
import type { CacheReference } from '#model/cache/cloud-event.ts';
import type { Api } from '#runtime/api/api.ts';
import { paths } from '#runtime/api/paths.ts';
import { type Command, exitCodes, type Invocation } from './command.ts';
import { exitCodesMean, timeoutFlag, timeoutOf } from './wait/wait.ts';
import { waitFor, whenOver } from './wait/wait-for.ts';

type Deed = {
  readonly verb: 'refresh' | 'purge';
  readonly annotation: string;
  readonly done: string;
  readonly summary: string;
  readonly description: string;
};

const triggerCommand = ({ verb, annotation, done, summary, description }: Deed): Command => ({
  summary,
  description: `${description}\n\nThe request is an annotation with the time in it, ${annotation}. It stays, and acts once for each of its values. A suspended cache acts on it when it is resumed.\n\nWith --wait: ${exitCodesMean}`,
  examples: [
    [summary, `${verb} web`],
    ['The same, and wait for the result', `${verb} web --wait --timeout=10m`],
  ],
  usage: `${verb} NAME`,
  flags: [{ name: 'wait', help: 'Wait until it is done.' }, timeoutFlag],
  names: { least: 1, most: Infinity },
  run: async (invocation) => {
    const timeout = timeoutOf(invocation);
    const token = new Date().toISOString();
    const references = invocation.names.map((name) => ({ namespace: invocation.namespace, name }));
    for (const reference of references) {
      await request(invocation.api, reference, { annotation, token });
      invocation.terminal.print(`imagecache.kubefledged.io/${reference.name} ${done}`);
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

/** The worst of the results. */
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

export const refresh = triggerCommand({
  verb: 'refresh',
  annotation: annotations.refreshRequestedAt,
  done: 'refresh requested',
  summary: 'Ask for a refresh of a cache now',
  description:
    'Ask for a refresh of a cache now: images that a node has lost or that may have moved are pulled again. It also brings back what was purged.',
});

export const purge = triggerCommand({
  verb: 'purge',
  annotation: annotations.purgeRequestedAt,
  done: 'purge requested',
  summary: 'Ask for the images of a cache to be removed from its nodes',
  description:
    'Ask for the images of a cache to be removed from its nodes. The cache stays, empty, until its spec changes or a refresh is asked for.',
});
