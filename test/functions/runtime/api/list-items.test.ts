import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it, vi } from 'vitest';
import type { Api } from '#runtime/api/api.ts';
import { createApi } from '#runtime/api/create-api.ts';
import { listItems } from '#runtime/api/list-items.ts';
import { boundTable } from '#runtime/bounds.ts';
import { answer, type Script, scriptedServer, type ScriptedServer } from '../../../support/scripted-server.ts';

const open: { close: () => unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

async function apiTo(script: Script): Promise<{ readonly api: Api; readonly server: ScriptedServer }> {
  const server = await scriptedServer(script);
  const api = createApi({ kubeconfig: '', master: server.url, inCluster: false });
  open.push(server, api);
  return { api, server };
}

/** Counts the pages whose body is being read. */
function counted(api: Api): { readonly api: Api; readonly pages: () => number } {
  let pages = 0;
  const request: Api['request'] = (call) => {
    const beforeBody = async (signal: AbortSignal): Promise<void> => {
      await call.beforeBody?.(signal);
      pages += 1;
    };
    return api.request({ ...call, beforeBody });
  };
  return { api: { ...api, request }, pages: () => pages };
}

const listing = { bound: 'page_workloads', parse: (item: unknown) => item, isOfUsers: true } as const;

it('reads no more pages of which users decide the size at once than a bound allows', async () => {
  const waiting: ServerResponse[] = [];
  const { api, server } = await apiTo((response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    waiting.push(response);
  });
  const { api: seen, pages } = counted(api);
  const read = Array.from({ length: 12 }, () => listItems(seen, '/apis/apps/v1/deployments', listing));
  await vi.waitFor(() => expect(server.received).toHaveLength(12), { timeout: 10_000 });
  await sleep(50);
  expect(pages()).toBe(boundTable.user_pages.limit);
  for (const response of waiting) response.end(JSON.stringify({ items: ['a'] }));
  expect(await Promise.all(read)).toEqual(Array.from({ length: 12 }, () => ['a']));
});

it('gives the place of a page back that could not be read', async () => {
  const { api } = await apiTo((response) => answer(response, 200, { items: ['a'] }));
  const fail = (): never => {
    throw new Error('no object');
  };
  for (let turn = 0; turn < boundTable.user_pages.limit + 1; turn += 1)
    await expect(listItems(api, '/apis/apps/v1/deployments', { ...listing, parse: fail })).rejects.toThrow('no object');
});
