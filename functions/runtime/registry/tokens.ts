import * as z from 'zod/mini';
import type { Challenge } from './challenge.ts';
import { type Query, fingerprint, type Login } from './keyring.ts';
import { type Budget, type Exchange, statusWords } from './exchange.ts';
import { Denied, NoAnswer } from './no-answer.ts';

type Bearer = Extract<Challenge, { scheme: 'bearer' }>;

/** Caches tokens by realm, service, scope and login until they expire. */
export type Tokens = {
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
const maxBytes = 65_536;

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
      const key = keyOf(challenge, login);
      const found = held.get(key);
      if (found && found.until > now()) return found.token;
      forgetExpired(held, now());
      const token = fetched(key, challenge, { login, budget });
      held.set(key, { token, until: Infinity });
      token.catch(() => held.delete(key));
      return token;
    },
    forget: (challenge, login) => {
      held.delete(keyOf(challenge, login));
    },
  };
}

const keyOf = ({ realm, service, scope }: Bearer, login: Login | undefined): string =>
  fingerprint([realm.href, service, scope, login?.username ?? '', login?.password ?? '', login === undefined]);

async function fetchToken(
  exchange: Exchange,
  { realm, service, scope }: Bearer,
  { login, budget }: Query,
): Promise<{ token: string; lifetimeMs: number }> {
  const url = new URL(realm);
  if (service !== '') url.searchParams.set('service', service);
  url.searchParams.set('scope', scope);
  const headers = { accept: 'application/json', ...(login && { authorization: basic(login) }) };
  const { status, body } = await exchange.ask({ method: 'GET', url, headers, most: maxBytes }, budget);
  const message = `${url.host} answered ${statusWords(status)} when asked for a token`;
  if (status === 401 || status === 403) throw new Denied(message);
  // The body is not quoted: the registry chose this host, which may be one that only we reach.
  if (status !== 200) throw new NoAnswer(message);
  return tokenIn(body.toString('utf8'), url.host);
}

function tokenIn(text: string, host: string): { token: string; lifetimeMs: number } {
  const parsed = tokenResponse.safeParse(json(text));
  const token = parsed.data?.token ?? parsed.data?.access_token ?? '';
  // Not quoted, as it may hold a token. A line break would inject a header.
  if (!/^[\x21-\x7e]+$/.test(token)) throw new NoAnswer(`${host} answered with what is no token`);
  return { token, lifetimeMs: (parsed.data?.expires_in ?? defaultLifetime) * 1000 };
}

/** The Authorization header of a login. */
export const basic = ({ username, password }: Login): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;

/** Bounds memory, as untrusted servers choose realms and scopes. */
function forgetExpired(held: Map<string, Held>, now: number): void {
  if (held.size < maxHeld) return;
  for (const [key, { until }] of held) if (until <= now) held.delete(key);
  for (const key of held.keys()) if (held.size >= maxHeld) held.delete(key);
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
