import { parse } from 'auth-header';

/** The authentication that a server requires. */
export type Challenge =
  | { readonly scheme: 'basic' }
  | { readonly scheme: 'bearer'; readonly realm: URL; readonly service: string; readonly scope: string };

/** The first supported challenge of all WWW-Authenticate headers, tokens preferred; undefined if there is none. */
export function challengeIn(headers: readonly string[], repository: string): Challenge | undefined {
  const found = headers.flatMap((header) => header.split(separator)).flatMap((each) => challengeOf(each, repository));
  return found.find(({ scheme }) => scheme === 'bearer') ?? found[0];
}

/** Separates challenges in one header; commas also separate their parameters. */
const separator = /,\s*(?=(?:basic|bearer)\s)/i;

function challengeOf(header: string, repository: string): readonly Challenge[] {
  const challenge = parsed(header);
  if (challenge?.scheme.toLowerCase() === 'basic') return [{ scheme: 'basic' }];
  if (challenge?.scheme.toLowerCase() !== 'bearer') return [];
  const { realm, service, scope } = challenge.params;
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
