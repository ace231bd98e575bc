import type { RateLimit } from '#model/cache/registry-use.ts';
import type { Conversation } from './conversation.ts';
import { fingerprint, type Keyring, type Login, loginsFor } from './keyring.ts';
import { manifestDigest } from './manifest-digest.ts';
import { NoAnswer, printable, Throttled } from './no-answer.ts';
import type { Place } from './places.ts';
import type { Budget } from './exchange.ts';

export type AskPlaces = (places: readonly Place[], keyring: Keyring, budget: Budget) => Promise<Answer>;

/** Maximum number of logins to try, as each costs the registry a request. */
const maxLogins = 4;
const maxReasonLength = 400;

/** Resolves a digest at mirrors, then at the registry; only the registry, which is last, can report an image as absent. */
export function createAskPlaces(converse: Conversation): AskPlaces {
  const preferred = preferredLogins();
  return async (places, keyring, budget) => {
    let answer: Answer = { type: 'unknown', reason: 'no registry was asked' };
    for (const place of places) {
      const logins = loginsFor(keyring, place.registry, place.repository).slice(0, maxLogins);
      const candidates = preferred.inOrder(place, [undefined, ...logins]);
      answer = await askInTurn(converse, { place, candidates }, { budget, preferred }).catch(unknown);
      if (answer.type === 'digest') return answer;
    }
    return answer;
  };
}

/** Tries logins in turn. Absent only if no login was denied, as a denied one may hide the image. */
async function askInTurn(
  converse: Conversation,
  { place, candidates }: { readonly place: Place; readonly candidates: readonly (Login | undefined)[] },
  { budget, preferred }: { readonly budget: Budget; readonly preferred: PreferredLogins },
): Promise<Answer> {
  const refusals: string[] = [];
  for (const login of candidates) {
    const hasLogin = login !== undefined;
    const found = await manifestDigest(converse, place, { login, budget }).catch((error: unknown) =>
      throttled(error, place, hasLogin),
    );
    if (found.type === 'unknown') return found;
    if (found.type === 'denied') refusals.push(found.reason);
    if (found.type !== 'digest') continue;
    preferred.worked(place, login);
    const { digest, left } = found;
    return { type: 'digest', digest, ...(left && { limit: { ...left, hasLogin } }) };
  }
  const reason = refusals.at(-1);
  if (reason === undefined) return { type: 'absent' };
  return { type: 'unknown', reason: printable(reason, maxReasonLength), isDenied: true };
}

/**
 * The answer of a registry that throttles. Also if its token server does, or a host that it redirects to, as nodes would be
 * sent there, too; but not if a mirror does.
 */
function throttled(error: unknown, { isMirror }: Place, hasLogin: boolean): Extract<Answer, { type: 'unknown' }> {
  if (!(error instanceof Throttled) || isMirror) throw error;
  return { ...unknown(error), limit: { left: 0, ms: error.requestedMs, hasLogin } };
}

/** Converts an error to an answer, since callers can continue without a digest. */
export function unknown(error: unknown): Extract<Answer, { type: 'unknown' }> {
  const reason = printable(error instanceof Error ? error.message : 'the question was stopped', maxReasonLength);
  const retryAfterMs = error instanceof NoAnswer ? error.retryAfterMs : undefined;
  return { type: 'unknown', reason, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}

/** The digest of a reference now, or that it is absent or could not be resolved. */
export type Answer =
  /** `limit`: what the registry, not a mirror, reports about its limit. */
  | { readonly type: 'digest'; readonly digest: string; readonly limit?: RateLimit }
  | { readonly type: 'absent' }
  /**
   * `reason` is a sentence without secrets; `retryAfterMs` is set if an earlier retry is pointless, `isDenied` if the
   * registry refused every login, `limit` if it throttles.
   */
  | {
      readonly type: 'unknown';
      readonly reason: string;
      readonly retryAfterMs?: number;
      readonly isDenied?: true;
      readonly limit?: RateLimit;
    };

/** The login, or none, that each repository accepted last; tried first to avoid denied requests. */
export type PreferredLogins = {
  /** Sorts logins into the order to try them. */
  readonly inOrder: (place: Place, logins: readonly (Login | undefined)[]) => readonly (Login | undefined)[];
  readonly worked: (place: Place, login: Login | undefined) => void;
};

const maxKept = 1000;

function preferredLogins(): PreferredLogins {
  const kept = new Map<string, string>();
  return {
    inOrder: (place, logins) => {
      const accepted = kept.get(keyOf(place));
      const wasAccepted = (login: Login | undefined): boolean => nameOf(login) === accepted;
      return [...logins.filter((login) => wasAccepted(login)), ...logins.filter((login) => !wasAccepted(login))];
    },
    worked: (place, login) => {
      kept.delete(keyOf(place));
      const [oldest] = kept.keys();
      if (oldest !== undefined && kept.size >= maxKept) kept.delete(oldest);
      kept.set(keyOf(place), nameOf(login));
    },
  };
}

const keyOf = ({ manifest, repository }: Place): string => `${manifest.origin} ${repository}`;
const nameOf = (login: Login | undefined): string =>
  login === undefined ? '' : fingerprint([login.username, login.password]);
