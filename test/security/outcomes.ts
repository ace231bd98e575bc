/** What became of the attacks, for the table at the end of the tests. */
export type Outcome = 'refused' | 'bounded' | 'not applicable';

const outcomes = new Map<number, { readonly title: string; readonly byMode: Map<string, Outcome> }>();

/** Records what became of an attack in a mode; to be called once the tests of it have passed. */
export function record(attack: readonly [number, string], mode: string, outcome: Outcome): void {
  const [number, title] = attack;
  const row = outcomes.get(number) ?? { title, byMode: new Map<string, Outcome>() };
  row.byMode.set(mode, outcome);
  outcomes.set(number, row);
}

/** The table attack × mode in Markdown; a cell is empty if its test has not passed. */
export function outcomeTable(modes: readonly string[]): string {
  const rows = [...outcomes].toSorted(([a], [b]) => a - b);
  return [
    `| attack | ${modes.join(' | ')} |`,
    `| --- |${modes.map(() => ' --- |').join('')}`,
    ...rows.map(
      ([number, { title, byMode }]) =>
        `| ${number} ${title} | ${modes.map((mode) => byMode.get(mode) ?? '').join(' | ')} |`,
    ),
  ].join('\n');
}
