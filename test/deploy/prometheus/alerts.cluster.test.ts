import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import * as z from 'zod/mini';
import { alertOf, days, quiet, type Day } from './days.ts';

/** Prometheus' own tool evaluates the rules over simulated days; in Debian it is part of the package `prometheus`. */

const run = promisify(execFile);
const rulesFile = 'deploy/prometheus/rules.yaml';
const rule = z.looseObject({ alert: z.string(), annotations: z.optional(z.unknown()) });
const rulesOf = z.object({ groups: z.array(z.object({ name: z.string(), rules: z.array(rule) })) });

let folder: string;
let alerts: readonly string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'alerts-'));
  const { groups } = rulesOf.parse(parse(await readFile(rulesFile, 'utf8')));
  alerts = groups.flatMap(({ rules }) => rules.map(({ alert }) => alert));
  // promtool compares annotations as whole texts: they are no part of when an alert fires.
  const bare = groups.map(({ name, rules }) => ({
    name,
    rules: rules.map((each) => ({ ...each, annotations: undefined })),
  }));
  await writeFile(join(folder, 'rules.yaml'), stringify({ groups: bare }));
});

afterAll(() => rm(folder, { recursive: true }));

/** What promtool says of a day; '' if the alerts fire when they should, and only then. */
async function promtool(file: string, { series, expected }: Day): Promise<string> {
  const tests = {
    rule_files: [join(folder, 'rules.yaml')],
    evaluation_interval: '1m',
    tests: [
      {
        interval: '1m',
        input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
        alert_rule_test: expected.flatMap(({ at, firing }) => alerts.map((alert) => alertOf(at, alert, firing[alert]))),
      },
    ],
  };
  const path = join(folder, file);
  await writeFile(path, stringify(tests));
  return run('promtool', ['test', 'rules', path]).then(
    () => '',
    (error: unknown) => String((error as { readonly stdout?: string }).stdout ?? error) || String(error),
  );
}

describe('the alerts', () => {
  it('are valid rules', async () => {
    const { stdout } = await run('promtool', ['check', 'rules', rulesFile]);
    expect(stdout).toContain(`SUCCESS: ${alerts.length} rules found`);
  });

  it.each(days.map((day) => [day.name, day] as const))('on a day when %s', async (name, day) => {
    expect(await promtool(`${name.replaceAll(/\W+/g, '-')}.yaml`, day)).toBe('');
  });

  it('each fire on one of these days, and none does on a quiet one', () => {
    const fired = new Set(days.flatMap(({ expected }) => expected.flatMap(({ firing }) => Object.keys(firing))));
    expect([...fired].toSorted()).toEqual([...alerts].toSorted());
    expect(quiet.expected.every(({ firing }) => Object.keys(firing).length === 0)).toBe(true);
  });
});
