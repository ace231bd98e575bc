import { type Challenge, challengeIn } from './challenge.ts';
import type { Budget, Exchange } from './exchange.ts';
import { followRedirects } from './follow-redirects.ts';
import type { Login } from './keyring.ts';
import type { Place } from './places.ts';
import type { Reply } from './send-request.ts';
import { basic, type Tokens } from './tokens.ts';

/** Requests a manifest from one place with one login, or with none, by the authentication scheme that the place asks for. */
export type Conversation = (method: 'HEAD' | 'GET', place: Place, query: Query) => Promise<Reply>;

/** The login to use, or none, and the time that is left for the answer. */
export type Query = { readonly login: Login | undefined; readonly budget: Budget };

/** Index and manifest, of OCI and of Docker: what container runtimes ask for, so that the digest is the one they see. */
export const manifestTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
] as const;

const mostBytes = 4 * 1024 * 1024;
const mostRemembered = 1000;

/** Remembers how each repository wants to be asked, so that only the first question for it is asked twice. */
export function createConversation(exchange: Exchange, tokens: Tokens): Conversation {
  const remembered = new Map<string, Challenge>();
  const remember = (key: string, challenge: Challenge): void => {
    const [oldest] = remembered.keys();
    if (oldest !== undefined && remembered.size >= mostRemembered) remembered.delete(oldest);
    remembered.set(key, challenge);
  };
  return async (method, place, query) => {
    const { login, budget } = query;
    const key = `${place.manifest.origin} ${place.repository}`;
    const askKnowing = async (challenge: Challenge | undefined): Promise<Reply> => {
      const header = await authorization(tokens, challenge, query);
      const headers = { accept: manifestTypes.join(', '), ...(header !== undefined && { authorization: header }) };
      return followRedirects(exchange, { method, url: place.manifest, headers, most: mostBytes }, budget);
    };
    const known = remembered.get(key);
    const first = await askKnowing(known);
    const challenge = challengeOf(first, place);
    if (challenge === undefined) return first;
    remember(key, challenge);
    if (isAsBefore(challenge, known, login)) return first;
    if (challenge.scheme === 'bearer' && known !== undefined) tokens.forget(challenge, login);
    return askKnowing(challenge);
  };
}

/** Nobody but the place itself may ask for its login: not a host that it redirected to. */
function challengeOf({ status, url, challenges }: Reply, place: Place): Challenge | undefined {
  return status === 401 && url.origin === place.manifest.origin ? challengeIn(challenges, place.repository) : undefined;
}

/** A password does not get better by asking again, whereas a token may have expired early. */
function isAsBefore(challenge: Challenge, known: Challenge | undefined, login: Login | undefined): boolean {
  if (challenge.scheme === 'bearer') return false;
  return login === undefined || known?.scheme !== 'bearer';
}

/** Where no challenge is known a password is shown unasked: registries that hide what the nameless may not see answer 404 instead of asking. */
async function authorization(
  tokens: Tokens,
  challenge: Challenge | undefined,
  { login, budget }: Query,
): Promise<string | undefined> {
  if (challenge?.scheme === 'bearer') return `Bearer ${await tokens.token(challenge, login, budget)}`;
  return login && basic(login);
}
