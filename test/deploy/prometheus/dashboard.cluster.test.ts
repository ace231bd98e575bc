import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import * as z from 'zod/mini';
import { readConfig } from '#runtime/config/config.ts';
import { createLog } from '#runtime/process/log.ts';
import { startStandalone } from '../../../deploy/standalone/start-standalone.ts';
import { testSimulator } from '@imagecache-functions/simulator/testing';
import { temporaryFolder } from '../standalone/start-command.ts';

/** A real Prometheus scrapes a real run, and evaluates the queries of the dashboard. */

const panel = z.object({ title: z.string(), targets: z.optional(z.array(z.object({ expr: z.string() }))) });
const dashboard = z.object({ panels: z.array(panel) });
const answer = z.object({ data: z.object({ result: z.array(z.unknown()) }) });

/** Panels that are empty while nothing is wrong. */
const emptyWhenWell = ['Rejected or unanswered API requests', 'Ended watches', 'Refused because of a bound'];

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** The port of a process that pulls images on simulated nodes, one of which fails. */
async function startProduct(folder: string): Promise<number> {
  const cluster = await testSimulator({ nodes: 3 });
  onTestFinished(cluster.stop);
  const config = { ...readConfig([], { PORT: '0' }), kubeconfig: cluster.kubeconfig };
  const standalone = await startStandalone(config, { host: '127.0.0.1', lockFolder: folder, log: createLog('fatal') });
  onTestFinished(standalone.stop);
  const path = '/apis/kubefledged.io/v1alpha2/namespaces/default/imagecaches';
  for (const image of ['nginx:1.27', 'nginx:missing']) {
    const metadata = { name: image.replaceAll(/\W/g, '-') };
    const spec = { cacheSpec: [{ images: [image] }] };
    const body = { apiVersion: 'kubefledged.io/v1alpha2', kind: 'ImageCache', metadata, spec };
    expect((await cluster.ask({ method: 'POST', path, body })).status).toBe(201);
  }
  return standalone.port;
}

async function startPrometheus(folder: string, target: number): Promise<number> {
  const file = join(folder, 'prometheus.yaml');
  const scrapes = [
    { job_name: 'imagecache', scrape_interval: '1s', static_configs: [{ targets: [`127.0.0.1:${target}`] }] },
  ];
  await writeFile(file, JSON.stringify({ scrape_configs: scrapes }));
  const port = await freePort();
  const flags = [
    `--config.file=${file}`,
    `--storage.tsdb.path=${folder}/data`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  const child = spawn('prometheus', flags, { stdio: 'ignore' });
  onTestFinished(async () => {
    child.kill();
    await once(child, 'exit');
  });
  return port;
}

async function resultsOf(port: number, expression: string): Promise<number> {
  const query = expression.replaceAll('$job', 'imagecache').replaceAll('$__rate_interval', '30s');
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/query?${new URLSearchParams({ query }).toString()}`);
  return answer.parse(await response.json()).data.result.length;
}

it('every panel of the dashboard has data of a real run', async () => {
  const folder = await temporaryFolder();
  const port = await startPrometheus(folder, await startProduct(folder));
  const { panels } = dashboard.parse(JSON.parse(await readFile('deploy/grafana/dashboard.json', 'utf8')));
  const queries = panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })));
  const withData = async (): Promise<readonly string[]> => {
    const counted = queries.map(async ({ title, expr }) => ((await resultsOf(port, expr)) > 0 ? [] : [title]));
    return (await Promise.all(counted)).flat().filter((title) => !emptyWhenWell.includes(title));
  };
  expect(queries.length).toBeGreaterThan(20);
  await vi.waitFor(async () => expect(await withData()).toEqual([]), { timeout: 90_000, interval: 1_000 });
});
