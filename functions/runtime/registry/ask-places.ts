import type { Conversation } from './conversation.ts';
import { fingerprint, type Keyring, type Login, loginsFor } from './keyring.ts';
import { manifestDigest } from './manifest-digest.ts';
import { NoAnswer, printable } from './no-answer.ts';
import type { Place } from './places.ts';
import type { Budget } from './exchange.ts';

export type AskPlaces = (places: readonly Place[], keyring: Keyring, budget: Budget) => Promise<Answer>;

/** A secret that does not fit is rare, and each one costs the registry a request. */
const mostLogins = 4;
const mostWords = 400;

/** Asks mirrors first. What a mirror lacks the registry may have, so that only the registry itself, which comes last, can call an image absent. */
export function createAskPlaces(converse: Conversation): AskPlaces {
  const preferred = preferredLogins();
  return async (places, keyring, budget) => {
    let answer: Answer = { type: 'unknown', reason: 'no registry was asked' };
    for (const place of places) {
      const logins = loginsFor(keyring, place.registry, place.repository).slice(0, mostLogins);
      const candidates = preferred.inOrder(place, [undefined, ...logins]);
      answer = await askInTurn(converse, { place, candidates }, { budget, preferred }).catch(unknown);
      if (answer.type === 'digest') return answer;
    }
    return answer;
  };
}

/** Absent only where nobody was turned away: what one login may not see may be there. */
async function askInTurn(
  converse: Conversation,
  { place, candidates }: { readonly place: Place; readonly candidates: readonly (Login | undefined)[] },
  { budget, preferred }: { readonly budget: Budget; readonly preferred: PreferredLogins },
): Promise<Answer> {
  const refusals: string[] = [];
  for (const login of candidates) {
    const found = await manifestDigest(converse, place, { login, budget });
    if (found.type === 'denied') refusals.push(found.reason);
    if (found.type !== 'digest') continue;
    preferred.worked(place, login);
    return found;
  }
  const reason = refusals.at(-1);
  return reason === undefined ? { type: 'absent' } : { type: 'unknown', reason: printable(reason, mostWords) };
}

/** Any failure is an answer: whoever asks can go on without a digest. */
export function unknown(error: unknown): Answer {
  const reason = printable(error instanceof Error ? error.message : 'the question was stopped', mostWords);
  const retryAfterMs = error instanceof NoAnswer ? error.retryAfterMs : undefined;
  return { type: 'unknown', reason, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}

/** What a reference stands for now. Only a digest and an absence are facts. */
export type Answer =
  | { readonly type: 'digest'; readonly digest: string }
  | { readonly type: 'absent' }
  /** `reason` is a sentence without secrets; `retryAfterMs` is told where asking again sooner is in vain. */
  | { readonly type: 'unknown'; readonly reason: string; readonly retryAfterMs?: number };

/** Which login, or none, a repository accepted last: tried first, so that a private image costs one request each time rather than two refused ones before. */
export type PreferredLogins = {
  /** The same logins, in the order to try them. */
  readonly inOrder: (place: Place, logins: readonly (Login | undefined)[]) => readonly (Login | undefined)[];
  readonly worked: (place: Place, login: Login | undefined) => void;
};

const mostKept = 1000;

export function preferredLogins(): PreferredLogins {
  const kept = new Map<string, string>();
  return {
    inOrder: (place, logins) => {
      const wanted = kept.get(keyOf(place));
      const isWanted = (login: Login | undefined): boolean => nameOf(login) === wanted;
      return [...logins.filter((login) => isWanted(login)), ...logins.filter((login) => !isWanted(login))];
    },
    worked: (place, login) => {
      kept.delete(keyOf(place));
      const [oldest] = kept.keys();
      if (oldest !== undefined && kept.size >= mostKept) kept.delete(oldest);
      kept.set(keyOf(place), nameOf(login));
    },
  };
}

const keyOf = ({ manifest, repository }: Place): string => `${manifest.origin} ${repository}`;
const nameOf = (login: Login | undefined): string =>
  login === undefined ? '' : fingerprint([login.username, login.password]);
