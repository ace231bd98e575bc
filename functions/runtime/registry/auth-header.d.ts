/** The function used of auth-header 1.0.0, which has no types. */
declare module 'auth-header' {
  /** Parses a challenge; a repeated parameter is a list. Throws a TypeError if it is invalid. */
  export function parse(header: string): {
    readonly scheme: string;
    readonly params: Readonly<Record<string, string | readonly string[] | undefined>>;
  };
}
