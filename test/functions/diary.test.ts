import { describe, expect, it } from 'vitest';
import { logBounds, planLogFields } from '#runtime/drive/plan-log.ts';
import { jobComplete } from '../../functions/job-complete.ts';
import { purge } from '../../functions/purge.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { pages } from '../docs/pages.ts';
import { recordedLog } from './recorded-log.ts';
import { asked, ends, removals, removed, told } from './removal-scene.ts';
import { aCache, aJob, changed, completed, missing, scene, type Scene } from './scene.ts';

function diary(level?: 'debug') {
  const { log, lines } = recordedLog(level);
  const on = scene({}, { log });
  on.cache();
  const entries = () =>
    lines().map((line) =>
      Object.fromEntries(Object.entries(line).filter(([field]) => field !== 'time' && field !== 'level')),
    );
  return { on, entries };
}

/** The kubelets' part: each Job ends with this status. */
async function end(on: Scene, status: object): Promise<void> {
  for (const job of on.jobs()) {
    on.pod(job, status);
    await jobComplete(changed(aJob(job)), on.context);
    for (const { metadata } of on.api.list('/api/v1/namespaces/apps/pods'))
      on.api.remove(`/api/v1/namespaces/apps/pods/${metadata.name}`);
  }
}

const web = (round: number) => ({ cache: 'apps/web', round });

describe('the log of a cache at info', () => {
  it('reads like a diary: each decision with nodes, images and reasons', async () => {
    const { on, entries } = diary();
    on.nodes('node-1');
    await reconcile(changed(aCache), on.context);
    await end(on, missing(0, 1));
    await end(on, completed(0, 1));
    on.annotate(asked);
    await purge(changed(aCache), on.context);
    const [job] = removals(on);
    ends(on, job, [removed('app:1'), removed('base:2')]);
    await told(on, job);
    const node = { nodes: ['node-1'], count: 1 };
    const notFound = { reason: 'ErrImagePull', message: 'not found', ...node };
    const succeeded = { status: 'Succeeded', failed: 0, skipped: 0, seconds: 0 };
    expect(entries()).toEqual([
      { ...web(1), msg: 'round opened', operation: 'Create', trigger: 'Spec', generation: 1, count: 1 },
      { ...web(1), msg: 'nodes pull', ...node, attempt: 1 },
      { ...web(1), msg: 'pull Jobs created', jobs: 1 },
      { ...web(1), msg: 'image failed', image: 'app:1', ...notFound },
      { ...web(1), msg: 'image failed', image: 'base:2', ...notFound },
      { ...web(1), msg: 'nodes pull', ...node, attempt: 2 },
      { ...web(1), msg: 'pull Jobs created', jobs: 1 },
      { ...web(1), msg: 'pull Jobs deleted', jobs: 1 },
      { ...web(1), msg: 'nodes are ready', ...node },
      { ...web(1), msg: 'pull Jobs deleted', jobs: 1 },
      {
        ...{ ...web(1), msg: 'round ended', operation: 'Create', ...succeeded, ready: 1 },
        message: 'All requested images pulled succesfully to respective nodes',
      },
      { ...web(2), msg: 'round opened', operation: 'Purge', trigger: 'Annotation', generation: 1, count: 0 },
      { ...web(2), msg: 'removal Jobs created', jobs: 1 },
      { ...web(2), msg: 'images removed', ...node, removed: 2, spared: 0, freedBytes: 2000 },
      {
        ...{ ...web(2), msg: 'round ended', operation: 'Purge', ...succeeded, ready: 0 },
        message: 'All cached images succesfully deleted from respective nodes',
      },
      { ...web(2), msg: 'annotations removed', annotations: ['kubefledged.io/purge-imagecache'] },
    ]);
  });

  it('says why nodes failed, though it has said so of the first attempt', async () => {
    const { on, entries } = diary();
    on.nodes('node-1');
    await reconcile(changed(aCache), on.context);
    await end(on, missing(0, 1));
    await end(on, missing(0, 1));
    const node = { nodes: ['node-1'], count: 1 };
    expect(entries()).toContainEqual({ ...web(1), msg: 'nodes failed', ...node, reason: 'ErrImagePull' });
  });

  it('has as few lines for many nodes as for one, and names some of them', async () => {
    const { on, entries } = diary();
    on.nodes(...Array.from({ length: 40 }, (_, index) => `node-${index}`));
    await reconcile(changed(aCache), on.context);
    expect(entries().map(({ msg, count, jobs }) => [msg, count ?? jobs])).toEqual([
      ['round opened', 40],
      ['nodes pull', 40],
      ['pull Jobs created', 40],
    ]);
    expect(entries()[1]?.['nodes']).toHaveLength(logBounds.nodesPerLine);
  });

  it('has only documented fields', async () => {
    const { on, entries } = diary();
    on.nodes('node-1');
    await reconcile(changed(aCache), on.context);
    await end(on, missing(0, 1));
    const used = new Set(entries().flatMap((entry) => Object.keys(entry)));
    expect([...used].filter((field) => field !== 'msg' && !Object.hasOwn(planLogFields, field))).toEqual([]);
    const { text } = pages.find(({ path }) => path === 'docs/operations.md') ?? { text: '' };
    for (const [field, doc] of Object.entries(planLogFields)) expect(text).toContain(`| \`${field}\` | ${doc} |`);
  });
});

describe('the log of a cache at debug', () => {
  it('has each plan before it is written', async () => {
    const { on, entries } = diary('debug');
    on.nodes('node-1');
    await reconcile(changed(aCache), on.context);
    expect(entries()[0]).toEqual({
      ...web(1),
      msg: 'plan',
      writesStatus: true,
      createJobs: on.jobs(),
      deleteJobs: [],
      events: [],
      observeNext: 'nothing',
    });
  });
});
