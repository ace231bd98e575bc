/** How Go's flag package parses a flag: a boolean one needs no value. */
export type FlagKind = { readonly isBoolean: boolean };

export type Flags = {
  readonly values: ReadonlyMap<string, string>;
  /** One sentence per invalid argument. */
  readonly problems: readonly string[];
  /** One sentence if arguments are ignored. */
  readonly notes: readonly string[];
};

/**
 * Parses `-flag`, `--flag`, `--flag=value` and `--flag value`; a boolean takes a value only with `=`, and the last of duplicates wins.
 * The first argument that is no flag ends the flags, and `--` does: Go's flag package, and so kube-fledged, ignores the rest.
 */
export function readFlags(argv: readonly string[], kinds: ReadonlyMap<string, FlagKind>): Flags {
  const values = new Map<string, string>();
  const problems: string[] = [];
  const rest = argv.values();
  for (const argument of rest) {
    if (argument === '--' || argument === '-' || !argument.startsWith('-'))
      return { values, problems, notes: [ignored([...(argument === '--' ? [] : [argument]), ...rest])].flat() };
    const flag = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(argument);
    const name = flag?.[1];
    const kind = name === undefined ? undefined : kinds.get(name);
    if (name === undefined) problems.push(`bad flag ${quoted(argument)}: flags are written --name=value`);
    else if (kind === undefined) problems.push(`unknown flag --${name.slice(0, 100)}: --help lists all of them`);
    else {
      const value = flag?.[2] ?? (kind.isBoolean ? 'true' : next(rest));
      if (value === undefined) problems.push(`--${name} needs a value: write --${name}=value`);
      else values.set(name, value);
    }
  }
  return { values, problems, notes: [] };
}

const ignored = (rest: readonly string[]): readonly string[] =>
  rest.length === 0 ? [] : [`ignored, since no flag starts with it: ${quoted(rest.join(' '))}; write --name=value`];

/** Quotes and truncates external text for a message. */
export const quoted = (text: string): string => JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);

function next(rest: Iterator<string, undefined>): string | undefined {
  return rest.next().value;
}
