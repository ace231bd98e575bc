/** A flag as Go's flag package reads it: a name, and whether it may stand without a value. */
export type FlagKind = { readonly isBoolean: boolean };

export type Flags = {
  readonly values: ReadonlyMap<string, string>;
  /** A sentence for each argument that is no flag of ours. */
  readonly problems: readonly string[];
};

/** Reads `-flag`, `--flag`, `--flag=value` and `--flag value`; a boolean takes its value only by `=`, the last of two wins. */
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

/** Text that came from outside, fit for a sentence. */
export const quoted = (text: string): string => JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);

function next(rest: Iterator<string, undefined>): string | undefined {
  return rest.next().value;
}
