import * as z from 'zod/mini';
import type { Challenge } from './challenge.ts';
import type { Query } from './conversation.ts';
import { type Budget, type Exchange, statusWords } from './exchange.ts';
import { fingerprint, type Login } from './keyring.ts';
import { Denied, NoAnswer, printable } from './no-answer.ts';

type Bearer = Extract<Challenge, { scheme: 'bearer' }>;

/** Tokens that token servers gave out, each for one realm, service, scope and login, until it expires. */
export type Tokens = {
  /** Throws `Denied` where the token server does not accept the login, or having none. */
  readonly token: (challenge: Bearer, login: Login | undefined, budget: Budget) => Promise<string>;
  /** A token that was refused is not used again. */
  readonly forget: (challenge: Bearer, login: Login | undefined) => void;
};

type Held = { readonly token: Promise<string>; until: number };

const wire = z.object({
  token: z.optional(z.string()),
  access_token: z.optional(z.string()),
  expires_in: z.optional(z.number()),
});

/** As the specification of tokens has it where none is told, in seconds. */
const defaultLife = 60;
/** Milliseconds of a token's life that are not used, for the way and for clocks. */
const margin = 5000;
const longestLife = 3_600_000;
const mostHeld = 1000;
const mostBytes = 65_536;

export function createTokens(exchange: Exchange, now: () => number): Tokens {
  const held = new Map<string, Held>();
  const fetched = async (key: string, challenge: Bearer, query: Query): Promise<string> => {
    const began = now();
    const { token, lifeMs } = await fetchToken(exchange, challenge, query);
    const one = held.get(key);
    if (one) one.until = began + Math.min(lifeMs, longestLife) - margin;
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
): Promise<{ token: string; lifeMs: number }> {
  const url = new URL(realm);
  if (service !== '') url.searchParams.set('service', service);
  url.searchParams.set('scope', scope);
  const headers = { accept: 'application/json', ...(login && { authorization: basic(login) }) };
  const { status, body } = await exchange.ask({ method: 'GET', url, headers, most: mostBytes }, budget);
  const words = `${url.host} answered ${statusWords(status)} when asked for a token`;
  if (status === 401 || status === 403) throw new Denied(words);
  // What it was sent, a server may repeat.
  if (status !== 200) throw new NoAnswer(login ? words : `${words}: ${printable(body.toString('utf8'))}`);
  return tokenIn(body.toString('utf8'), url.host);
}

function tokenIn(text: string, host: string): { token: string; lifeMs: number } {
  const parsed = wire.safeParse(json(text));
  const token = parsed.data?.token ?? parsed.data?.access_token ?? '';
  // Never quoted: it may be a token all the same. A line break in it would be a header of its own.
  if (!/^[\x21-\x7e]+$/.test(token)) throw new NoAnswer(`${host} answered with what is no token`);
  return { token, lifeMs: (parsed.data?.expires_in ?? defaultLife) * 1000 };
}

/** The header that tells who asks. */
export const basic = ({ username, password }: Login): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;

/** Realms and scopes are told by strangers, so that without this the memory of tokens would grow for ever. */
function forgetExpired(held: Map<string, Held>, now: number): void {
  if (held.size < mostHeld) return;
  for (const [key, { until }] of held) if (until <= now) held.delete(key);
  for (const key of held.keys()) if (held.size >= mostHeld) held.delete(key);
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
