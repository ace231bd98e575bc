import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { jobComplete } from '../../functions/job-complete.ts';
import { purge } from '../../functions/purge.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import { come, image, one, settled, two } from './moving-tag.ts';
import { asked, ends, pulled, removals, removed, told } from './removal-scene.ts';
import { aCache, aJob, changed, completed, eventsPath, missing, scene, tick, type Scene } from './scene.ts';

/** One row per operation of kube-fledged, as functions write its status and Event: while it is open, and when it ends. */
type Row = { readonly when: string; readonly open: string; readonly end: string; readonly event: string };

const wait = 'Please view the status after some time';
const pullFailed = 'Image pull failed for some images. Please see "failures" section';
const removalFailed = 'Image deletion failed for some images. Please see "failures" section';
const allPulled = 'All requested images pulled succesfully to respective nodes';
const allDeleted = 'All cached images succesfully deleted from respective nodes';
const noNode = 'No images were pulled or deleted because nodeSelector specified did not match any nodes';

/** The words of kube-fledged, written from its documentation. */
const theirs: readonly Row[] = [
  row('created', ['Create', `Images are being pulled on to the nodes. ${wait}`], ['Succeeded', allPulled, 'Normal']),
  row(
    'created, an image is missing',
    ['Create', `Images are being pulled on to the nodes. ${wait}`],
    ['Failed', pullFailed, 'Warning'],
  ),
  row('created, no node matches', ['Create', ''], ['NoImagesPulledOrDeleted', noNode, 'Normal']),
  row('edited', ['Update', `Image cache is being updated. ${wait}`], ['Succeeded', allPulled, 'Normal']),
  row('refreshed', ['Refresh', `Image cache is being refreshed. ${wait}`], ['Succeeded', allPulled, 'Normal']),
  row('purged', ['Purge', `Image cache is being purged. ${wait}`], ['Succeeded', allDeleted, 'Normal']),
  row(
    'purged, an image stays',
    ['Purge', `Image cache is being purged. ${wait}`],
    ['Failed', removalFailed, 'Warning'],
  ),
];

function row(
  when: string,
  [operation, message]: readonly [string, string],
  [status, ended, type]: readonly [string, string, string],
): Row {
  const reason = `ImageCache${operation}`;
  return {
    when,
    // A round with nothing to pull ends in the write that opens it.
    open: message === '' ? '' : `Processing | ${reason} | ${message}`,
    end: `${status} | ${reason} | ${ended}`,
    event: `${type} | ${reason} | ${ended} | kubefledged-controller`,
  };
}

/** A message without what follows their words: the first failure with its image, node and reason. */
const theirPart = (message: string): string => message.replace(/(?<= section): .*$/, '');

/** What is written when this happens: the first part leaves the round open, the second ends it. */
async function written(when: string, open: () => Promise<Scene>, end: (on: Scene) => Promise<unknown>): Promise<Row> {
  const on = await open();
  const words = (): string => {
    const { status, reason, message } = on.live().status;
    return `${status} | ${reason} | ${theirPart(message)}`;
  };
  const opened = words();
  await end(on);
  const ended = words();
  const events = on.api.list(eventsPath) as unknown as readonly Readonly<Record<string, unknown>>[];
  const event = events.findLast(({ reason, message }) =>
    ended.endsWith(`${String(reason)} | ${theirPart(String(message))}`),
  );
  const { component } = (event?.['source'] ?? {}) as { readonly component?: string };
  return {
    when,
    open: opened === ended ? '' : opened,
    end: ended,
    event: [event?.['type'], event?.['reason'], theirPart(String(event?.['message'])), component].join(' | '),
  };
}

const created = async (spec?: object, ...nodes: readonly string[]): Promise<Scene> => {
  const on = scene();
  on.cache(spec);
  on.nodes(...nodes);
  await reconcile(changed(aCache, { verb: 'add' }), on.context);
  return on;
};

const completing = (status: () => object) => async (on: Scene) => {
  for (const job of on.jobs()) {
    on.pod(job, status());
    await jobComplete(changed(aJob(job)), on.context);
  }
};

const purging = async (): Promise<Scene> => {
  const on = await pulled({ cacheSpec: [{ images: ['app:1', 'base:2'] }] }, 'node-1');
  on.annotate(asked);
  await purge(changed(aCache), on.context);
  return on;
};

const removing = (outcome: Parameters<typeof ends>[2]) => async (on: Scene) => {
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    const job = removals(on).at(-1);
    ends(on, job, outcome);
    await told(on, job);
  }
};

const ours = (): Promise<readonly Row[]> =>
  Promise.all([
    written(
      'created',
      () => created(undefined, 'node-1'),
      completing(() => completed(0, 1)),
    ),
    written(
      'created, an image is missing',
      () => created(undefined, 'node-1'),
      async (on) => {
        await completing(() => missing(0, 1))(on);
        for (let minutes = 0; minutes < 15; minutes += 1) {
          on.wait(60_000);
          await completing(() => missing(0, 1))(on);
          await refresh(tick, on.context);
        }
      },
    ),
    written(
      'created, no node matches',
      () => created({ cacheSpec: [{ images: ['app:1'], nodeSelector: { pool: 'none' } }] }, 'node-1'),
      () => Promise.resolve(),
    ),
    written(
      'edited',
      async () => {
        const on = await pulled(undefined, 'node-1');
        on.edit({ cacheSpec: [{ images: ['app:1', 'base:3'] }] });
        await reconcile(changed(aCache), on.context);
        return on;
      },
      completing(() => completed(0, 1)),
    ),
    written(
      'refreshed',
      async () => {
        const on = await settled(one);
        on.registry.resolve(image, two);
        on.annotate({ 'kubefledged.io/refresh-imagecache': '' });
        await refresh(changed(aCache), on.context);
        return on;
      },
      (on) => come(on, ['', two]),
    ),
    written('purged', purging, removing([removed('app:1'), removed('base:2')])),
    written(
      'purged, an image stays',
      purging,
      removing([removed('app:1'), { outcome: 'failed', image: 'base:2', message: 'in use' }]),
    ),
  ]);

it('statuses, reasons, messages and Events are those of kube-fledged, word for word', async () => {
  expect(await ours()).toEqual(theirs);
});

it('the table of docs/migration.md is what functions write', async () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/migration.md'), 'utf8');
  const rows = (await ours()).map(({ when, open, end }) => {
    const [status, reason, message] = end.split(' | ');
    const meanwhile = open === '' ? 'not shown' : open.split(' | ')[2];
    return `| ${when} | ${reason ?? ''} | ${meanwhile ?? ''} | ${status ?? ''}: ${message ?? ''} |`;
  });
  const table = page.split('\n').filter((line) => / \| ImageCache[A-Z]\w+ \| /.test(line));
  expect(table.map((line) => line.replaceAll(/ +/g, ' '))).toEqual(rows);
});
