import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emptyCluster, eventHeaders } from '../../../../deploy/tools/images/compile-cache.ts';
import { productProgram, productPrograms } from '../../../support/product-programs.ts';

type Running = { readonly child: ChildProcess; readonly url: string };

/** A function as it is in the image, without node_modules. */
const started = async (cwd: string, master: string): Promise<Running> => {
  const args = [await productProgram('functions'), `--master=${master}`];
  // The SDK would take another parser for JSON then, which is not in the bundle.
  const env = { FUNCTION: 'reconcile', PORT: '0', CE_USE_BIG_INT: 'true' };
  const child = spawn(process.execPath, args, { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] });
  const { promise, resolve } = Promise.withResolvers<string>();
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    const port = /"port":(\d+)/.exec(output)?.[1];
    if (port !== undefined) resolve(`http://127.0.0.1:${port}`);
  });
  return { child, url: await promise };
};

let work = '';
let api: Awaited<ReturnType<typeof emptyCluster>>;
let running: Running;

beforeAll(async () => {
  work = mkdtempSync(join(tmpdir(), 'lean-'));
  api = await emptyCluster();
  running = await started(work, api.url);
}, 60_000);

afterAll(async () => {
  const ended = once(running.child, 'exit');
  running.child.kill('SIGTERM');
  await ended;
  api.server.close();
  rmSync(work, { recursive: true, force: true });
});

const structured = 'application/cloudevents+json';
const event = JSON.stringify({
  specversion: '1.0',
  id: '1',
  source: '/s',
  type: 'dev.knative.apiserver.ref.update',
  kind: 'ImageCache',
  apiversion: 'kubefledged.io/v1alpha2',
  namespace: 'default',
  name: 'none',
  data: { size: 12345678901234567890n.toString() },
});

type Row = { readonly when: string; readonly status: number; readonly path?: string; readonly request: RequestInit };
const post = (headers: Readonly<Record<string, string>>, body?: string | Uint8Array<ArrayBuffer>): RequestInit => ({
  method: 'POST',
  headers,
  ...(body !== undefined && { body }),
});

const rows: readonly Row[] = [
  { when: 'a binary event', status: 204, request: post(eventHeaders) },
  {
    when: 'a binary event with JSON',
    status: 204,
    request: post({ ...eventHeaders, 'content-type': 'application/json' }, event),
  },
  { when: 'a structured event', status: 204, request: post({ 'content-type': structured }, event) },
  {
    when: 'a compressed event',
    status: 415,
    request: post({ 'content-type': structured, 'content-encoding': 'gzip' }, new Uint8Array(gzipSync(event))),
  },
  {
    when: 'an event in another charset',
    status: 415,
    request: post({ 'content-type': `${structured}; charset=shift_jis` }, event),
  },
  {
    when: 'text that is not UTF-8',
    status: 400,
    request: post({ 'content-type': structured }, new Uint8Array([0xff, 0xfe])),
  },
  { when: 'a form', status: 400, request: post({ 'content-type': 'application/x-www-form-urlencoded' }, 'a[b][c]=d') },
  { when: 'a query that is nested', status: 204, path: '/?a[b][c]=d', request: post(eventHeaders) },
  { when: 'a probe', status: 200, path: '/_/health', request: {} },
  { when: 'another method', status: 405, request: { method: 'PUT' } },
  { when: 'metrics', status: 200, path: '/metrics', request: {} },
];

describe('a function in the bundle', () => {
  it.each(rows)('answers $when with $status, without calling an omitted package', async (row) => {
    const { status, text } = await fetch(`${running.url}${row.path ?? '/'}`, row.request).then(async (response) => ({
      status: response.status,
      text: await response.text(),
    }));
    expect(text).not.toMatch(/is not in this program|unexpected error/);
    expect(status).toBe(row.status);
  });

  it('sets the charset of its text, which it looks up', async () => {
    const { headers } = await fetch(`${running.url}/_/health`);
    expect(headers.get('content-type')).toBe('text/plain; charset=utf-8');
  });

  it('imports no module of Node as an ES module', async () => {
    const folder = await productPrograms();
    const files = (await readdir(folder)).filter((name) => name.endsWith('.mjs'));
    const texts = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')));
    const names = texts.flatMap((text) => [...text.matchAll(/(?:from|import) ?"([^"]+)"/g)].map(([, name]) => name));
    expect(names.filter((name) => isBuiltin(name ?? ''))).toEqual([]);
    expect(names.some((name) => name?.startsWith('./chunk-'))).toBe(true);
  });
});
