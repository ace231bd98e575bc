import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import * as z from 'zod/mini';
import { changeType, functionNames, routes, tickRoutes, tickType } from '#model/cache/cloud-event.ts';
import { filter, passes, type Filter } from './knative-filters.ts';

const folder = join(import.meta.dirname, '../../deploy/knative');
const documents = async (file: string): Promise<readonly unknown[]> =>
  parseAllDocuments(await readFile(join(folder, file), 'utf8')).map((document) => document.toJS() as unknown);

const trigger = z.object({
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    filters: z.array(filter),
    subscriber: z.object({ ref: z.object({ name: z.string() }) }),
    delivery: z.object({ timeout: z.string(), retry: z.number() }),
  }),
});
const triggers = (await documents('functions/triggers.yaml')).map((document) => trigger.parse(document));

/** What a kustomization replaces. */
const patched = z.object({
  patches: z.array(z.object({ target: z.object({ name: z.string() }), patch: z.string() })),
});
const replacement = z.array(z.object({ path: z.literal('/spec/filters'), value: z.array(filter) }));

const ours = new Map(triggers.map(({ spec }) => [spec.subscriber.ref.name, spec.filters]));
async function theirs(): Promise<ReadonlyMap<string, readonly Filter[]>> {
  const [kustomization] = await documents('knative-sources/kustomization.yaml');
  const replaced = patched.parse(kustomization).patches.map(({ target, patch }) => {
    const [{ value } = { value: [] }] = replacement.parse(parse(patch));
    return [target.name, value] as const;
  });
  return new Map([...ours, ...replaced]);
}

/** Whom an event reaches. */
const reached = (filters: ReadonlyMap<string, readonly Filter[]>, event: Readonly<Record<string, string>>) =>
  functionNames.filter((name) => filters.get(name)?.every((each) => passes(each, event)) === true);

const kinds = ['ImageCache', 'Job', 'Pod', 'Node'] as const;
const verbs = ['add', 'update', 'delete'] as const;

/** Every change there is; no Node has to do with removal. */
const changes = kinds.flatMap((kind) =>
  verbs.flatMap((verb) => (kind === 'Node' ? [false] : [false, true]).map((isRemoval) => ({ kind, verb, isRemoval }))),
);

describe('the Triggers', () => {
  it('are one for each function, named after it', () => {
    expect(triggers.map(({ metadata, spec }) => [metadata.name, spec.subscriber.ref.name])).toEqual(
      functionNames.map((name) => [name, name]),
    );
  });

  it.each(changes)('hand $verb of a $kind, about removal: $isRemoval, to whom it concerns', (change) => {
    const { kind, verb, isRemoval } = change;
    const event = { type: changeType(verb), kind, ...(isRemoval ? { removal: 'true' } : {}) };
    // Of a cache that is gone there is nothing to begin or to refresh.
    const isGone = kind === 'ImageCache' && verb === 'delete';
    const wanted = routes(kind, isRemoval).filter((name) => !isGone || name === 'purge');
    expect(reached(ours, event)).toEqual(functionNames.filter((name) => wanted.includes(name)));
  });

  it('hand the tick to whom it concerns', () => {
    const concerned = functionNames.filter((name) => tickRoutes.some((each) => each === name));
    expect(reached(ours, { type: tickType })).toEqual(concerned);
  });

  it('hand nothing else to anybody', () => {
    expect(reached(ours, { type: 'dev.knative.apiserver.ref.add', kind: 'Secret' })).toEqual([]);
    expect(reached(ours, { type: 'com.example.other' })).toEqual([]);
  });

  it.each(verbs)('leave %s of a Node to the tick where ApiServerSource tells of it, unless it comes', async (verb) => {
    const filters = await theirs();
    expect(reached(filters, { type: changeType(verb), kind: 'Node' })).toEqual(verb === 'add' ? ['reconcile'] : []);
    expect(reached(filters, { type: `dev.knative.apiserver.resource.${verb}`, kind: 'ImageCache' })).toEqual(
      reached(ours, { type: changeType(verb), kind: 'ImageCache' }),
    );
  });

  it('give a delivery more time than a function takes', () => {
    for (const { spec } of triggers) expect(Number(/^PT(\d+)S$/.exec(spec.delivery.timeout)?.[1])).toBeGreaterThan(30);
  });
});
