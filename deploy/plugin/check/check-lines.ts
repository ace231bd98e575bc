import { nodeList } from '../node-list.ts';
import { table, wrapped } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { counted } from '../units.ts';
import { worst, type WorkloadCheck } from './check-workload.ts';
import type { ImageCheck, Verdict } from './check-image.ts';

export type CheckView = Pick<Terminal, 'colour'> & { readonly isWide: boolean; readonly width: number };

const tones = { starts: 'good', fails: 'bad', unproven: 'busy' } as const satisfies Record<Verdict, string>;

/** A check as text: the verdict, a table of images, and each reason once with the nodes that it is about. */
export function checkLines(check: WorkloadCheck, view: CheckView): readonly string[] {
  const { kind, name, namespace, verdict, nodes, message } = check;
  return [
    `${kind.toLowerCase()}/${name} in ${namespace}: ${view.colour(tones[verdict], verdict)}${whereText(check)}`,
    ...(message === '' ? [] : wrapped(message, view.width)),
    ...(nodes.length === 0 ? [] : ['', ...imageLines(check, view), ...reasonLines(check, view)]),
    ...(view.isWide ? excludedLines(check) : []),
  ];
}

function whereText({ verdict, nodes }: WorkloadCheck): string {
  if (nodes.length === 0) return '';
  const all = counted(nodes.length, 'node');
  return verdict === 'starts' ? ` on ${all}` : `, starts on ${countOf('starts', nodes)} of ${all}`;
}

const countOf = (verdict: Verdict, all: readonly { readonly verdict: Verdict }[]): number =>
  all.filter((each) => each.verdict === verdict).length;

/** The last line: how many start. */
export function summaryLine(checks: readonly WorkloadCheck[]): string {
  const [fails, unproven] = [countOf('fails', checks), countOf('unproven', checks)];
  const parts = [
    `${countOf('starts', checks)} of ${checks.length} would start without the registry`,
    ...(fails === 0 ? [] : [`${fails} would not`]),
    ...(unproven === 0 ? [] : [`${unproven} not proven`]),
  ];
  return `${parts.join(', ')}.`;
}

const columns = [
  { title: 'NODES', isNumber: true },
  { title: 'VERDICT' },
  { title: 'ACCESS' },
  { title: 'NAME' },
  { title: 'IMAGE' },
];

function imageLines({ images, nodes }: WorkloadCheck, { colour }: CheckView): readonly string[] {
  const rows = images.map((use, index) => {
    const checks = nodes.flatMap((node) => node.images[index] ?? []);
    const access = [...new Set(checks.flatMap((each) => each.access ?? []))];
    return {
      verdict: worst(checks),
      cells: [
        `${countOf('starts', checks)}/${nodes.length}`,
        worst(checks),
        access.join(', '),
        use.type === 'container' ? use.name : `${use.name} (${use.type})`,
        use.cachedAs.length === 0 ? use.image : `${use.image} (cached as ${use.cachedAs.join(', ')})`,
      ],
    };
  });
  const [head = '', ...lines] = table(
    columns,
    rows.map(({ cells }) => cells),
  );
  return [head, ...lines.map((line, index) => colour(tones[rows[index]?.verdict ?? 'starts'], line))];
}

function reasonLines({ images, nodes }: WorkloadCheck, { isWide, width, colour }: CheckView): readonly string[] {
  const groups = new Map<string, { readonly check: ImageCheck; readonly names: string[] }>();
  for (const index of images.keys())
    for (const { name, images: checks } of nodes) {
      const check = checks[index];
      if (check === undefined || check.verdict === 'starts') continue;
      const key = [check.name, check.image, check.message].join('\n');
      const group = groups.get(key) ?? { check, names: [] };
      group.names.push(name);
      groups.set(key, group);
    }
  return [...groups.values()].flatMap(({ check, names }) => [
    '',
    ...wrapped(`${check.name}: ${check.image} on ${nodeList(names, isWide)}`, width).map((line) =>
      colour(tones[check.verdict], line),
    ),
    ...wrapped(`${check.verdict}: ${check.message}`, width - 2).map((line) => `  ${line}`),
  ]);
}

function excludedLines({ excludedNodes }: WorkloadCheck): readonly string[] {
  if (excludedNodes.length === 0) return [];
  const rows = excludedNodes.map(({ name, reason }) => [name, reason]);
  return ['', ...table([{ title: 'NOT ON NODE' }, { title: 'BECAUSE' }], rows)];
}
