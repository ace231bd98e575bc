export type Column = {
  readonly title: string;
  /** Numbers are aligned to the right. */
  readonly isNumber?: boolean;
};

/** Lines of a table in the format of kubectl: upper-case titles, three spaces between columns, no frame. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): readonly string[] {
  const lines = [columns.map(({ title }) => title), ...rows];
  const widths = columns.map((_, index) => Math.max(...lines.map((cells) => cells[index]?.length ?? 0)));
  return lines.map((cells) =>
    cells
      .map((cell, index) => padded(cell, columns[index], widths[index]))
      .join('   ')
      .trimEnd(),
  );
}

const padded = (cell: string, column: Column | undefined, width = 0): string =>
  column?.isNumber === true ? cell.padStart(width) : cell.padEnd(width);

/** Text wrapped at spaces into lines of at most `width` characters; longer words are split. */
export function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/).flatMap((each) => pieces(each, width))) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return line === '' ? lines : [...lines, line];
}

const pieces = (word: string, width: number): readonly string[] =>
  Array.from({ length: Math.ceil(word.length / width) }, (_, index) => word.slice(index * width, (index + 1) * width));

/** Truncates a text to a width. */
export const truncated = (text: string, width: number | undefined): string =>
  width === undefined || text.length <= width ? text : `${text.slice(0, Math.max(0, width - 3))}...`;
