import { labels, pullSelector } from '#model/cache/api.ts';
import type { Pod } from '#model/job/job.ts';
import { createCluster } from '#runtime/cluster/cluster.ts';
import { ApiError } from '#runtime/errors.ts';
import { type Command, exitCodes, type Invocation, UsageError } from '../command.ts';
import { dataText } from '../data-text.ts';
import { settingsInUse } from '../settings-in-use.ts';
import { wrapped } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { type Explanation, explanation } from './explanation.ts';
import type { Step } from './step.ts';

export const explain: Command = {
  summary: 'Explain why a node has the images of a cache, or not',
  description: `Explain why a node has the images of a cache, or not: the chain from the spec to the words of the kubelet, up to the step that holds it up.

Exit codes: 0 the node has all images, 1 an error, such as a node that does not exist, 2 it does not.`,
  examples: [['Explain why node-2 is not ready', 'explain web node-2']],
  usage: 'explain NAME NODE',
  flags: [],
  nameCount: { min: 2, max: 2 },
  run,
};

async function run({ api, terminal, namespace, names, output }: Invocation): Promise<number> {
  const [name = '', node = ''] = names;
  const cluster = createCluster(api);
  const cache = await cluster.cache({ namespace, name });
  if (cache === undefined)
    throw new UsageError(`imagecaches.kubefledged.io "${name}" not found in namespace ${namespace}`);
  const [found, { settings }] = await Promise.all([cluster.node(node), settingsInUse(api)]);
  if (found === undefined) throw new UsageError(`nodes "${node}" not found`);
  const selector = `${labels.cacheUid}=${cache.uid},${labels.node}=${found.id},${pullSelector}`;
  const pods = await readable(cluster.pods(cache.namespace, selector));
  const explained = explanation({ cache, name: node, node: found, pods, settings, now: Date.now() });
  terminal.print(dataText(output, explained) ?? lines(explained, terminal).join('\n'));
  return explained.isReady ? exitCodes.good : exitCodes.failed;
}

/** undefined if the user may not read them. */
async function readable(pods: Promise<readonly Pod[]>): Promise<readonly Pod[] | undefined> {
  try {
    return await pods;
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return undefined;
    throw error;
  }
}

const marks = { ok: '+', holds: '.', fails: 'x' } as const satisfies Record<Step['verdict'], string>;
const tones = { ok: 'good', holds: 'busy', fails: 'bad' } as const;

function lines({ namespace, name, node, isReady, steps }: Explanation, terminal: Terminal): readonly string[] {
  const width = Math.min(terminal.width ?? 80, 120);
  return [
    `${name} in ${namespace} on ${node}: ${isReady ? terminal.colour('good', 'ready') : terminal.colour('bad', 'not ready')}`,
    '',
    ...steps.flatMap(({ verdict, text }) =>
      wrapped(text, width - 4).map((line, index) =>
        terminal.colour(tones[verdict], `${index === 0 ? `  ${marks[verdict]} ` : '    '}${line}`),
      ),
    ),
  ];
}
