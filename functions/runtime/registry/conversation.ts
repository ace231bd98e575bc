import { type Challenge, challengeIn } from './challenge.ts';
import type { Exchange } from './exchange.ts';
import { followRedirects } from './follow-redirects.ts';
import type { Login, Query } from './keyring.ts';
import type { Place } from './places.ts';
import type { Reply } from './send-request.ts';
import { basic, type Tokens } from './tokens.ts';

/** Requests a manifest from one place with a login or none, using the authentication that the place requires. */
export type Conversation = (method: 'HEAD' | 'GET', place: Place, query: Query) => Promise<Reply>;

/** The media types that container runtimes accept, so that the digest is the one they pull. */
export const manifestTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
] as const;

const maxBytes = 4 * 1024 * 1024;
const maxRemembered = 1000;

/** Remembers the challenge of each repository, so that only its first request is sent twice. */
export function createConversation(exchange: Exchange, tokens: Tokens): Conversation {
  const remembered = new Map<string, Challenge>();
  const remember = (key: string, challenge: Challenge): void => {
    const [oldest] = remembered.keys();
    if (oldest !== undefined && remembered.size >= maxRemembered) remembered.delete(oldest);
    remembered.set(key, challenge);
  };
  return async (method, place, query) => {
    const { login, budget } = query;
    const key = `${place.manifest.origin} ${place.repository}`;
    const askWith = async (challenge: Challenge | undefined): Promise<Reply> => {
      const header = await authorization(tokens, challenge, query);
      const headers = { accept: manifestTypes.join(', '), ...(header !== undefined && { authorization: header }) };
      return followRedirects(exchange, { method, url: place.manifest, headers, most: maxBytes }, budget);
    };
    const known = remembered.get(key);
    const first = await askWith(known);
    const challenge = challengeOf(first, place);
    if (challenge === undefined) return first;
    remember(key, challenge);
    if (isAsBefore(challenge, known, login)) return first;
    if (challenge.scheme === 'bearer' && known !== undefined) tokens.forget(challenge, login);
    return askWith(challenge);
  };
}

/** The challenge of a 401 of the place itself; ignored from a host that it redirected to, which must not get the login. */
function challengeOf({ status, url, challenges }: Reply, place: Place): Challenge | undefined {
  return status === 401 && url.origin === place.manifest.origin ? challengeIn(challenges, place.repository) : undefined;
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
