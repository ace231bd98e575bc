import { setTimeout as pause } from 'node:timers/promises';
import type { Tenant } from './tenant-caches.ts';

type Apply = (tenant: Tenant) => Promise<() => Promise<void>>;

/** The worst that a tenant does with caches; `apply` returns how to end it. */
export type Load = {
  readonly name: string;
  readonly apply: Apply;
  /** The same work of the API server without any of ours; the neighbour is compared with its times beside this, not alone. */
  readonly control?: { readonly name: string; readonly apply: Apply };
};

const range = (count: number): readonly number[] => [...Array(count).keys()];

/** A registry of which nodes wait for every image. */
const hanging = (cache: number): readonly string[] =>
  range(200).map((number) => `registry.example/hang-${cache}:${number}`);

const afterCreating = (
  tenant: Tenant,
  count: number,
  specOf: (cache: number) => object,
): Promise<() => Promise<void>> => tenant.create(range(count).map((cache) => specOf(cache)));

export const loads: readonly Load[] = [
  {
    name: 'thirty caches of 1,000 untagged images at a registry that hangs',
    apply: (tenant) =>
      afterCreating(tenant, 30, (cache) => {
        const images = range(1000).map((number) => `${tenant.silentRegistry}/${cache}/${number}`);
        return { cacheSpec: [tenant.onItsNode(images)] };
      }),
  },
  {
    name: 'twenty caches of 200 images that hang on nodes, with ten Pods each, one with 200',
    apply: (tenant) =>
      afterCreating(tenant, 20, (cache) => ({
        cacheSpec: [tenant.onItsNode(hanging(cache))],
        pullsPerNode: cache === 0 ? 200 : 10,
      })),
  },
  {
    name: 'a refused cache of 2,000 images, edited as fast as the API server takes it',
    apply: (tenant) => endlessEdits(tenant, tenant.edit),
    control: { name: 'the same edits as dry runs', apply: (tenant) => endlessEdits(tenant, tenant.tryEdit) },
  },
];

/** Four writers edit a refused cache of 2,000 images as fast as the API server answers. */
export async function endlessEdits(tenant: Tenant, edit: Tenant['edit']): Promise<() => Promise<void>> {
  const imagesOf = (list: number) => range(1000).map((number) => `registry.example/${list}/${number}:1`);
  const lists = [0, 1].map((list) => tenant.onItsNode(imagesOf(list)));
  const remove = await tenant.create([{ cacheSpec: lists }]);
  const stop = new AbortController();
  const edits = range(4).map(async (writer) => {
    for (let number = 0; !stop.signal.aborted; number += 1) {
      await edit(0, { pullDeadlineSeconds: 60 + ((number * 4 + writer) % 1000) });
      await pause(5);
    }
  });
  return async () => {
    stop.abort();
    await Promise.all(edits);
    await remove();
  };
}
