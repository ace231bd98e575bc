import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import * as z from 'zod/mini';
import { changeType, functionNames, routes, tickRoutes, tickType } from '#model/cache/cloud-event.ts';
import { deployedName } from '../interop/deployed-name.ts';
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

/** The patches of a kustomization. */
const patched = z.object({ patches: z.array(z.object({ target: z.object({ name: z.string() }), patch: z.string() })) });
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

/** The functions that receive an event. */
const receivers = (filters: ReadonlyMap<string, readonly Filter[]>, event: Readonly<Record<string, string>>) =>
  functionNames.filter((name) => filters.get(deployedName(name))?.every((each) => passes(each, event)) === true);

const kinds = ['ImageCache', 'Job', 'Pod', 'Node'] as const;
const verbs = ['add', 'update', 'delete'] as const;

/** All changes; Nodes have no removal events. */
const changes = kinds.flatMap((kind) =>
  verbs.flatMap((verb) => (kind === 'Node' ? [false] : [false, true]).map((isRemoval) => ({ kind, verb, isRemoval }))),
);

describe('the Triggers', () => {
  it('exist once per function and have its name', () => {
    expect(triggers.map(({ metadata, spec }) => [metadata.name, spec.subscriber.ref.name])).toEqual(
      functionNames.map((name) => [deployedName(name), deployedName(name)]),
    );
  });

  it.each(changes)('deliver $verb of a $kind (removal: $isRemoval) to the right functions', (change) => {
    const { kind, verb, isRemoval } = change;
    const event = { type: changeType(verb), kind, ...(isRemoval ? { removal: 'true' } : {}) };
    // A deleted cache only concerns purge.
    const isDeleted = kind === 'ImageCache' && verb === 'delete';
    const expected = routes(kind, isRemoval).filter((name) => !isDeleted || name === 'purge');
    expect(receivers(ours, event)).toEqual(functionNames.filter((name) => expected.includes(name)));
  });

  it('deliver the tick to the right functions', () => {
    const concerned = functionNames.filter((name) => tickRoutes.some((each) => each === name));
    expect(receivers(ours, { type: tickType })).toEqual(concerned);
  });

  it('deliver no other events', () => {
    expect(receivers(ours, { type: 'dev.knative.apiserver.ref.add', kind: 'Secret' })).toEqual([]);
    expect(receivers(ours, { type: 'com.example.other' })).toEqual([]);
  });

  it.each(verbs)('deliver of %s of a Node by ApiServerSource only new Nodes', async (verb) => {
    const filters = await theirs();
    expect(receivers(filters, { type: changeType(verb), kind: 'Node' })).toEqual(verb === 'add' ? ['reconcile'] : []);
    expect(receivers(filters, { type: `dev.knative.apiserver.resource.${verb}`, kind: 'ImageCache' })).toEqual(
      receivers(ours, { type: changeType(verb), kind: 'ImageCache' }),
    );
  });

  it('have a longer timeout than a function', () => {
    for (const { spec } of triggers) expect(Number(/^PT(\d+)S$/.exec(spec.delivery.timeout)?.[1])).toBeGreaterThan(30);
  });
});
