import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { trackedFiles } from '../../deploy/tools/release/versions.ts';
import { scenarios } from '../behaviour/scenarios.ts';
import { notOnOpenFaas, onOpenFaas } from '../interop/openfaas/on-open-faas.ts';
import { pages, root } from './pages.ts';

const page = (path: string): string => pages.find((each) => each.path === path)?.text ?? '';
const code = (await trackedFiles(root))
  .filter((path) => /^(?:functions|sources|deploy\/standalone)\/.*\.ts$/.test(path))
  .map((path) => readFileSync(join(root, path), 'utf8'))
  .join('\n');

/** Failures of events, caches and nodes share one text. */
const isInCode = (message: string): boolean =>
  code.includes(message) || code.includes(message.replace(/^(?:event|cache|node)/, '${what}'));

/** A message of ours between marks of code, before or after a word for the log. */
const quoted = /`([^`\d][^`]*)` in (?:the|its)(?: \w+'s)? (?:log|message)|(?:logs(?: say)?|the line) `([^`]+)`/g;

it.each(['docs/troubleshooting.md', 'docs/operations.md', 'docs/migration.md'])(
  '%s quotes messages that the code logs or writes',
  (path) => {
    const messages = [...page(path).replaceAll(/\s+/g, ' ').matchAll(quoted)].map(([, a, b]) => a ?? b ?? '');
    expect(messages.length).toBeGreaterThan(0);
    expect(messages.filter((message) => !isInCode(message))).toEqual([]);
  },
);

it('docs/review/platforms.md counts the scenarios of the behaviour suite', () => {
  const text = page('docs/review/platforms.md');
  const all = scenarios.length;
  const onSimulator = scenarios.filter(({ needs = [] }) => !needs.includes('parallel pulls'));
  const withoutKubectl = onSimulator.filter(({ needs = [] }) => !needs.includes('kubectl')).length;
  expect(text).toContain(`list of ${all} scenarios`);
  expect(text).toContain(`| ${onSimulator.length} of ${all} (${withoutKubectl} without a kubectl on the PATH) |`);
  expect(text).toContain(`| ${onOpenFaas.length} of ${all} | ${notOnOpenFaas.length}: `);
  const simulated = (need: string): boolean => need === 'simulated nodes' || need === 'slow images';
  const onRealNodes = scenarios.filter(({ needs = [] }) => !needs.some(simulated)).length;
  expect(text.split(`| ${onRealNodes} of ${all} |`)).toHaveLength(4);
});
