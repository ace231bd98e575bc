/** How Go's flag package parses a flag: a boolean one needs no value. */
export type FlagKind = { readonly isBoolean: boolean };

export type Flags = {
  readonly values: ReadonlyMap<string, string>;
  /** One sentence per invalid argument. */
  readonly problems: readonly string[];
};

/** Parses `-flag`, `--flag`, `--flag=value` and `--flag value`; a boolean takes a value only with `=`, and the last of duplicates wins. */
export function readFlags(argv: readonly string[], kinds: ReadonlyMap<string, FlagKind>): Flags {
  const values = new Map<string, string>();
  const problems: string[] = [];
  const rest = argv.values();
  for (const argument of rest) {
    const flag = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(argument);
    const name = flag?.[1];
    const kind = name === undefined ? undefined : kinds.get(name);
    if (name === undefined) problems.push(`unexpected argument ${quoted(argument)}: flags are written --name=value`);
    else if (kind === undefined) problems.push(`unknown flag --${name.slice(0, 100)}: --help lists all of them`);
    else {
      const value = flag?.[2] ?? (kind.isBoolean ? 'true' : next(rest));
      if (value === undefined) problems.push(`--${name} needs a value: write --${name}=value`);
      else values.set(name, value);
    }
  }
  return { values, problems };
}

/** Quotes and truncates external text for a message. */
export const quoted = (text: string): string => JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);

function next(rest: Iterator<string, undefined>): string | undefined {
  return rest.next().value;
}
