import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { parse } from 'yaml';
import * as z from 'zod/mini';
import { readConfig } from '#runtime/config/config.ts';
import { createLog } from '#runtime/process/log.ts';
import { startSimulator } from '@imagecache-functions/simulator';
import { startStandalone } from '../../deploy/standalone/start-standalone.ts';
import { temporaryFolder } from './standalone/start-command.ts';

const target = z.object({ expr: z.string() });
const dashboard = z.object({ panels: z.array(z.object({ title: z.string(), targets: z.optional(z.array(target)) })) });
const annotations = z.object({ summary: z.string(), runbook_url: z.string() });
const rule = z.object({ alert: z.string(), expr: z.string(), annotations });
const rules = z.object({ groups: z.array(z.object({ rules: z.array(rule) })) });

const readText = (path: string): Promise<string> => readFile(path, 'utf8');
const alerts = async () =>
  rules.parse(parse(await readText('deploy/prometheus/rules.yaml'))).groups.flatMap((group) => group.rules);

/** Metrics by name with the type that a scrape gives them; of a histogram, its series. */
function namesIn(text: string): ReadonlySet<string> {
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => ({ name, type }));
  return new Set(
    types.flatMap(({ name, type }) =>
      type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
}

const namedIn = (expression: string): readonly string[] =>
  expression.match(/\b(?:imagecache|process|nodejs)_[a-z_]+/g) ?? [];

async function scrape(): Promise<string> {
  const cluster = await startSimulator({ crds: ['crds/imagecache.yaml'] });
  onTestFinished(cluster.stop);
  const folder = await temporaryFolder();
  await cluster.kubeconfig(join(folder, 'kubeconfig'));
  const config = { ...readConfig([], { PORT: '0' }), kubeconfig: join(folder, 'kubeconfig') };
  const log = createLog('fatal');
  const standalone = await startStandalone(config, { host: '127.0.0.1', lockFolder: folder, log });
  onTestFinished(standalone.stop);
  const read = async () => (await fetch(`http://127.0.0.1:${standalone.port}/metrics`)).text();
  const isWatching = async (): Promise<void> => {
    for (const resource of ['imagecaches', 'jobs', 'pods', 'nodes'])
      expect(await read()).toContain(`{verb="watch",resource="${resource}",code="200"}`);
  };
  await vi.waitFor(isWatching, { timeout: 15_000, interval: 100 });
  return read();
}

describe('of a standalone process', () => {
  it('a scrape has every metric that a panel or an alert names, and its values are true', async () => {
    const text = await scrape();
    const there = namesIn(text);
    const panels = dashboard.parse(JSON.parse(await readText('deploy/grafana/dashboard.json'))).panels;
    const expressions = [
      ...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
      ...(await alerts()).map(({ expr }) => expr),
    ];
    const named = new Set(expressions.flatMap(namedIn));
    expect(named.size).toBeGreaterThan(12);
    expect([...named].filter((name) => !there.has(name))).toEqual([]);
    expect(text).toContain('imagecache_leader 1');
    expect(text).toContain('imagecache_source_synced 1');
    expect(text).toMatch(/^imagecache_build_info\{version="[^"]+",node="v2\d[^"]*"\} 1$/m);
  }, 60_000);
});

describe('docs/operations.md', () => {
  let page = '';
  beforeAll(async () => {
    page = await readText('docs/operations.md');
  });

  it('has a section for every alert, where its runbook link points', async () => {
    for (const { alert, annotations: about } of await alerts()) {
      expect(about.runbook_url).toMatch(new RegExp(`/docs/operations\\.md#${alert.toLowerCase()}$`));
      expect(page.split('\n')).toContain(`### ${alert}`);
    }
  });

  it('tells every metric of ours, and none that is not', async () => {
    const text = await scrape();
    const ours = [...text.matchAll(/^# TYPE (imagecache_\S+)/gm)].map(([, name]) => name);
    const told = [...page.matchAll(/^\| `(imagecache_[a-z_]+)/gm)].map(([, name]) => name);
    expect(told.toSorted()).toEqual(ours.toSorted());
  }, 60_000);
});
