import { BoundedMap } from '#model/text/bounded-map.ts';
import { parse } from 'auth-header';
import * as z from 'zod/mini';
import { jsonIn } from '#runtime/config/setting.ts';
import { type Budget, type Exchange, followRedirects, statusWords } from './exchange.ts';
import { fingerprint, type Login, type Query } from './keyring.ts';
import type { Place } from './places.ts';
import { Denied, NoAnswer, type Reply } from './send-request.ts';

/** Requests a manifest from one place with a login or none, using the authentication that the place requires. */
export type Conversation = (method: 'HEAD' | 'GET', place: Place, query: Query) => Promise<Reply>;

/** The media types that container runtimes accept, so that the digest is the one they pull. */
export const manifestTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
] as const;

const maxManifestBytes = 4 * 1024 * 1024;
const maxRemembered = 1000;

/** Remembers the challenge of each repository, so that only its first request is sent twice. */
export function createConversation(exchange: Exchange, tokens: Tokens): Conversation {
  const remembered = new BoundedMap<string, Challenge>(maxRemembered);
  return async (method, place, query) => {
    const { login, budget } = query;
    const key = `${place.manifest.origin} ${place.repository}`;
    const askWith = async (challenge: Challenge | undefined): Promise<Reply> => {
      const header = await authorization(tokens, challenge, query);
      const headers = { accept: manifestTypes.join(', '), ...(header !== undefined && { authorization: header }) };
      const { manifest: url } = place;
      return followRedirects(exchange, { method, url, registry: url.host, headers, most: maxManifestBytes }, budget);
    };
    const known = remembered.get(key);
    const first = await askWith(known);
    const challenge = challengeOf(first, place);
    if (challenge === undefined) return first;
    remembered.set(key, challenge);
    if (isAsBefore(challenge, known, login)) return first;
    if (challenge.scheme === 'bearer' && known !== undefined) tokens.forget(challenge, login);
    return askWith(challenge);
  };
}

/** The challenge of a 401 of the place itself; ignored from a host that it redirected to, which must not get the login. */
function challengeOf({ status, url, challenges }: Reply, place: Place): Challenge | undefined {
  return status === 401 && url.origin === place.manifest.origin ? challengeIn(challenges, place) : undefined;
}

/** Whether a retry would send the same credentials: a password does not change, but a token may have expired early. */
function isAsBefore(challenge: Challenge, known: Challenge | undefined, login: Login | undefined): boolean {
  if (challenge.scheme === 'bearer') return false;
  return login === undefined || known?.scheme !== 'bearer';
}

/** Without a known challenge the password is sent, since some registries answer anonymous requests with 404 instead of a challenge. */
async function authorization(
  tokens: Tokens,
  challenge: Challenge | undefined,
  { login, budget }: Query,
): Promise<string | undefined> {
  if (challenge?.scheme === 'bearer') return `Bearer ${await tokens.token(challenge, login, budget)}`;
  return login && basic(login);
}

type Bearer = Extract<Challenge, { scheme: 'bearer' }>;

/** Caches tokens by registry, realm, service, scope and login until they expire. */
type Tokens = {
  /** Throws `Denied` if the token server refuses the login, or an anonymous request. */
  readonly token: (challenge: Bearer, login: Login | undefined, budget: Budget) => Promise<string>;
  /** Drops a token that was refused. */
  readonly forget: (challenge: Bearer, login: Login | undefined) => void;
};

type Held = { readonly token: Promise<string>; until: number };

const tokenResponse = z.object({
  token: z.optional(z.string()),
  access_token: z.optional(z.string()),
  expires_in: z.optional(z.number()),
});

/** Seconds; the default of the token specification. */
const defaultLifetime = 60;
/** Milliseconds before expiry when a token is replaced, for latency and clock skew. */
const margin = 5000;
const maxLifetime = 3_600_000;
const maxHeld = 1000;
const maxTokenBytes = 65_536;

export function createTokens(exchange: Exchange, now: () => number): Tokens {
  const held = new Map<string, Held>();
  const fetched = async (key: string, challenge: Bearer, query: Query): Promise<string> => {
    const began = now();
    const { token, lifetimeMs } = await fetchToken(exchange, challenge, query);
    const one = held.get(key);
    if (one) one.until = began + Math.min(lifetimeMs, maxLifetime) - margin;
    return token;
  };
  return {
    token: async (challenge, login, budget) => {
      const key = tokenKey(challenge, login);
      const found = held.get(key);
      if (found && found.until > now()) return found.token;
      forgetExpired(held, now());
      const token = fetched(key, challenge, { login, budget });
      held.set(key, { token, until: Infinity });
      token.catch(() => held.delete(key));
      return token;
    },
    forget: (challenge, login) => {
      held.delete(tokenKey(challenge, login));
    },
  };
}

/** Another registry that names the same realm asks for itself: it might not be referred there, and must not get what is not its own. */
const tokenKey = ({ registry, realm, service, scope }: Bearer, login: Login | undefined): string =>
  fingerprint([
    registry,
    realm.href,
    service,
    scope,
    login?.username ?? '',
    login?.password ?? '',
    login === undefined,
  ]);

async function fetchToken(
  exchange: Exchange,
  { registry, realm, service, scope }: Bearer,
  { login, budget }: Query,
): Promise<{ token: string; lifetimeMs: number }> {
  const url = new URL(realm);
  if (service !== '') url.searchParams.set('service', service);
  url.searchParams.set('scope', scope);
  const headers = { accept: 'application/json', ...(login && { authorization: basic(login) }) };
  const { status, body } = await exchange.ask({ method: 'GET', url, registry, headers, most: maxTokenBytes }, budget);
  const message = `${url.host} answered ${statusWords(status)} when asked for a token`;
  if (status === 401 || status === 403) throw new Denied(message);
  // The body is not quoted: the registry chose this host, which may be one that only we reach.
  if (status !== 200) throw new NoAnswer(message);
  return tokenIn(body.toString('utf8'), url.host);
}

function tokenIn(text: string, host: string): { token: string; lifetimeMs: number } {
  const parsed = tokenResponse.safeParse(jsonIn(text));
  const token = parsed.data?.token ?? parsed.data?.access_token ?? '';
  // Not quoted, as it may hold a token. A line break would inject a header.
  if (!/^[\x21-\x7e]+$/.test(token)) throw new NoAnswer(`${host} answered with what is no token`);
  return { token, lifetimeMs: (parsed.data?.expires_in ?? defaultLifetime) * 1000 };
}

/** The Authorization header of a login. */
const basic = ({ username, password }: Login): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;

/** Bounds memory, as untrusted servers choose realms and scopes. */
function forgetExpired(held: Map<string, Held>, now: number): void {
  if (held.size < maxHeld) return;
  for (const [key, { until }] of held) if (until <= now) held.delete(key);
  for (const key of held.keys()) if (held.size >= maxHeld) held.delete(key);
}

/** The authentication that a server requires. */
type Challenge =
  | { readonly scheme: 'basic' }
  | {
      readonly scheme: 'bearer';
      /** The host that requires it. */
      readonly registry: string;
      readonly realm: URL;
      readonly service: string;
      readonly scope: string;
    };

/** The first supported challenge of all WWW-Authenticate headers, tokens preferred; undefined if there is none. */
export function challengeIn(
  headers: readonly string[],
  place: Pick<Place, 'manifest' | 'repository'>,
): Challenge | undefined {
  const found = headers.flatMap((header) => header.split(separator)).flatMap((each) => challengesIn(each, place));
  return found.find(({ scheme }) => scheme === 'bearer') ?? found[0];
}

/** Separates challenges in one header; commas also separate their parameters. */
const separator = /,\s*(?=(?:basic|bearer)\s)/i;

function challengesIn(
  header: string,
  { manifest: { host: registry }, repository }: Pick<Place, 'manifest' | 'repository'>,
): readonly Challenge[] {
  const challenge = parsedHeader(header);
  if (challenge?.scheme.toLowerCase() === 'basic') return [{ scheme: 'basic' }];
  if (challenge?.scheme.toLowerCase() !== 'bearer') return [];
  const { realm, service, scope } = challenge.params;
  const url = URL.parse(first(realm));
  if (!url) return [];
  const asked = first(scope) || `repository:${repository}:pull`;
  return [{ scheme: 'bearer', registry, realm: url, service: first(service), scope: asked }];
}

const first = (value: string | readonly string[] | undefined): string =>
  typeof value === 'string' ? value : (value?.[0] ?? '');

function parsedHeader(header: string): ReturnType<typeof parse> | undefined {
  try {
    return parse(header.trim());
  } catch {
    return undefined;
  }
}
