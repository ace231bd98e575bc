/** What one column of a table shows of each row. */
export type Columns<T> = Readonly<Record<string, (row: T) => string | number>>;

/** A Markdown table, padded so that it can be read as text; the first column is aligned left. '' without rows. */
export function table<T>(rows: readonly T[], columns: Columns<T>): string {
  if (rows.length === 0) return '';
  const lines = [Object.keys(columns), ...rows.map((row) => Object.values(columns).map((cell) => shown(cell(row))))];
  const widths = Object.keys(columns).map((_, column) =>
    Math.max(3, ...lines.map((line) => line[column]?.length ?? 0)),
  );
  const rule = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  const padded = lines.map((line) =>
    line.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))),
  );
  return padded
    .toSpliced(1, 0, rule)
    .map((line) => `| ${line.join(' | ')} |`)
    .join('\n');
}

const shown = (cell: string | number): string => (typeof cell === 'string' ? cell : formatted(cell));

/** A number with three significant digits or all of its integer part, and commas between thousands. */
export function formatted(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  const digits = size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2;
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A share of one as a percentage with its sign. */
export function percent(share: number): string {
  const rounded = Math.round(share * 100);
  return `${rounded >= 0 ? '+' : '−'}${Math.abs(rounded)} %`;
}
