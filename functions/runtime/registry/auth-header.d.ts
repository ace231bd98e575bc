/** The one function that is used of auth-header 1.0.0, which brings no types. */
declare module 'auth-header' {
  /** Takes a challenge apart; a parameter that is told twice is a list. Throws a TypeError for what is none. */
  export function parse(header: string): {
    readonly scheme: string;
    readonly params: Readonly<Record<string, string | readonly string[] | undefined>>;
  };
}
