import { parse } from 'auth-header';

/** How a server wants to be told who asks. */
export type Challenge =
  | { readonly scheme: 'basic' }
  | { readonly scheme: 'bearer'; readonly realm: URL; readonly service: string; readonly scope: string };

/** The first challenge that we can meet, of all WWW-Authenticate headers; a token rather than a password. undefined if there is none. */
export function challengeIn(headers: readonly string[], repository: string): Challenge | undefined {
  const found = headers.flatMap((header) => header.split(between)).flatMap((each) => challengeOf(each, repository));
  return found.find(({ scheme }) => scheme === 'bearer') ?? found[0];
}

/** Several challenges may come in one header, with the commas that also part their parameters. */
const between = /,\s*(?=(?:basic|bearer)\s)/i;

function challengeOf(header: string, repository: string): readonly Challenge[] {
  const told = parsed(header);
  if (told?.scheme.toLowerCase() === 'basic') return [{ scheme: 'basic' }];
  if (told?.scheme.toLowerCase() !== 'bearer') return [];
  const { realm, service, scope } = told.params;
  const url = URL.parse(first(realm));
  if (!url) return [];
  return [
    { scheme: 'bearer', realm: url, service: first(service), scope: first(scope) || `repository:${repository}:pull` },
  ];
}

const first = (value: string | readonly string[] | undefined): string =>
  typeof value === 'string' ? value : (value?.[0] ?? '');

function parsed(header: string): ReturnType<typeof parse> | undefined {
  try {
    return parse(header.trim());
  } catch {
    return undefined;
  }
}
