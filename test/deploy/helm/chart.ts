import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { once } from 'node:events';
import { parseAllDocuments } from 'yaml';
import type { Lab } from '../../cluster/lab.ts';

export const root = join(import.meta.dirname, '../../..');
export const chart = join(root, 'deploy/helm');

/** An object of a rendered chart. */
export type Manifest = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
};

export type HelmResult = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** Runs helm in the lab. */
export const helm = async (lab: Lab, ...args: readonly string[]): Promise<HelmResult> => {
  const child = lab.enter('helm', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  if (child.stdout === null || child.stderr === null) throw new Error('helm was started without pipes');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.exitCode ?? -1, stdout, stderr };
};

/** The chart rendered with these values (`--set` strings), as YAML without hooks. Throws the error of helm. */
export const rendered = async (lab: Lab, ...values: readonly string[]): Promise<string> => {
  const sets = values.flatMap((value) => ['--set', value]);
  const args = ['template', 'imagecache-functions', chart, '-n', 'kube-fledged', '--no-hooks', ...sets];
  const { code, stdout, stderr } = await helm(lab, ...args);
  if (code !== 0) throw new Error(stderr);
  return stdout;
};

/**
 * The chart rendered with these values in place of those of values.yaml, as `helm upgrade --reuse-values` does with the
 * values of an older release.
 */
export const renderedReusing = async (lab: Lab, values: object, ...sets: readonly string[]): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'chart-'));
  try {
    await cp(chart, folder, { recursive: true });
    await writeFile(join(folder, 'values.yaml'), JSON.stringify(values));
    const options = sets.flatMap((value) => ['--set', value]);
    const args = ['template', 'imagecache-functions', folder, '-n', 'kube-fledged', '--no-hooks', ...options];
    const { code, stdout, stderr } = await helm(lab, ...args);
    if (code !== 0) throw new Error(stderr);
    return stdout;
  } finally {
    await rm(folder, { recursive: true });
  }
};

/** NOTES of the chart with these values, for a release `notes` in the namespace `notes`. */
export const notes = async (lab: Lab, ...values: readonly string[]): Promise<string> => {
  const sets = values.flatMap((value) => ['--set', value]);
  const { stdout, stderr } = await helm(lab, 'install', 'notes', chart, '-n', 'notes', '--dry-run', ...sets);
  if (!stdout.includes('NOTES:')) throw new Error(stderr);
  return stdout.slice(stdout.indexOf('NOTES:'));
};

export const manifestsIn = (yaml: string): readonly Manifest[] =>
  parseAllDocuments(yaml).flatMap((document) => (document.contents === null ? [] : [document.toJS() as Manifest]));
