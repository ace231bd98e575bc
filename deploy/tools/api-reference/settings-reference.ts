import { eventRows } from '#runtime/config/rows/event-rows.ts';
import { jobRows } from '#runtime/config/rows/job-rows.ts';
import { limitRows } from '#runtime/config/rows/limit-rows.ts';
import { logRows } from '#runtime/config/rows/log-rows.ts';
import { processRows } from '#runtime/config/rows/process-rows.ts';
import { registryRows } from '#runtime/config/rows/registry-rows.ts';
import { workloadRows } from '#runtime/config/rows/workload-rows.ts';
import type { Setting } from '#runtime/config/setting.ts';
import { replacedVariables } from '#runtime/config/settings-table.ts';

type Rows = Readonly<Record<string, Setting<unknown>>>;

const groups: readonly (readonly [title: string, rows: Rows])[] = [
  ['Jobs, refreshes and removals', jobRows],
  ['Limits of a cache', limitRows],
  ['Images of workloads', workloadRows],
  ['Registries', registryRows],
  ['The process', processRows],
  ['Events', eventRows],
  ['Logs', logRows],
];

/** The reference of all settings in Markdown, generated from the table that flags, environment and --help use. */
export function settingsReference(): string {
  return [
    '# Configuration',
    '',
    '<!-- Made from functions/runtime/config by `npm run reference`: do not edit. -->',
    '',
    'Each setting is a flag, an environment variable, or both; a flag takes precedence. `--help` prints the same list.',
    '',
    '* Durations use the syntax of Go: `5m`, `1h30m`, `300ms`. Words are matched without regard to case.',
    '* An invalid value, or an unknown flag, ends the start with a sentence that names it.',
    '* An empty environment variable counts as unset, except `TICK_SCHEDULE`.',
    '* Variables of kube-fledged that have no meaning here are ignored, with a line in the log:',
    `  ${replaced()}.`,
    '',
    'Many settings can be overridden per cache: [api.md](api.md) has every field of the spec. The',
    '[Helm chart](helm-values.md) sets them by its values; on Knative they are in a ConfigMap, on OpenFaaS in stack.yml.',
    '',
    ...groups.flatMap(([title, rows]) => section(title, Object.values(rows))),
  ].join('\n');
}

function replaced(): string {
  const names = Object.entries(replacedVariables).map(([theirs, ours]) => `\`${theirs}\` (now \`${ours}\`)`);
  return names.join(' and ');
}

function section(title: string, settings: readonly Setting<unknown>[]): readonly string[] {
  return [
    `## ${title}`,
    '',
    '| flag | environment | default | meaning |',
    '| --- | --- | --- | --- |',
    ...settings.map((each) => `| ${cells(each).join(' | ')} |`),
    '',
  ];
}

function cells({ flag, env, fallback, doc, reads }: Setting<unknown>): readonly string[] {
  const isPlain = reads.expects === 'text' || reads.isBoolean === true;
  return [
    flag === undefined ? '' : code(`--${flag}`),
    env === undefined ? '' : code(env),
    fallback === '' ? '' : code(fallback),
    `${doc}.${isPlain ? '' : ` Value: ${reads.expects}.`}`.replaceAll('|', '\\|'),
  ];
}

const code = (text: string): string => `\`${text}\``;
