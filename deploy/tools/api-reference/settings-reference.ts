import { replacedVariables, settingGroups } from '#runtime/config/config.ts';
import type { Setting } from '#runtime/config/setting.ts';

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
    ...Object.entries(settingGroups).flatMap(([title, settings]) => section(title, settings)),
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

function cells({ flag, env, fallback, doc, parser }: Setting<unknown>): readonly string[] {
  const isPlain = parser.expects === 'text' || parser.isBoolean === true;
  return [
    flag === undefined ? '' : code(`--${flag}`),
    env === undefined ? '' : code(env),
    fallback === undefined ? '' : code(fallback),
    `${doc}.${isPlain ? '' : ` Value: ${parser.expects}.`}`.replaceAll('|', '\\|'),
  ];
}

const code = (text: string): string => `\`${text}\``;
