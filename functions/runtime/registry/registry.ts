import { BoundedMap } from '#model/text/bounded-map.ts';
import type { LookupFunction } from 'node:net';
import type { AnonymousPull } from '#model/cache/image-answers.ts';
import { normalisedReference, parseImageReference } from '#model/text/image-reference.ts';
import { createConversation, createTokens, type Conversation } from './authentication.ts';
import { createExchange, timeBudget, type Budget, type OnUnreached } from './exchange.ts';
import { createHosts } from './hosts.ts';
import { boundTable, createBounds, type Slots } from '#runtime/bounds.ts';
import { fingerprint, type Keyring, type Login, loginsFor } from './keyring.ts';
import { dockerHub, isDigest, placesOf, listedHosts, type Place } from './places.ts';
import type { RegistrySettings } from '#runtime/config/process-settings.ts';
import { trustedAuthorities, NoAnswer, printable, Throttled } from './send-request.ts';
import type { RateLimit } from '#model/cache/registry-use.ts';
import { manifestDigest } from './manifest-digest.ts';

export type Registry = {
  /**
   * Never throws. Tries without a login first, then with the matching logins of the keyring. The namespace is that of the
   * cache: each has a share of the calls.
   */
  readonly digest: (reference: string, keyring?: Keyring, namespace?: string) => Promise<Answer>;
  /** Whether the registry or a mirror gives the image to anyone; undefined if it did not say. Never throws. */
  readonly anonymousPull: (reference: string, namespace?: string) => Promise<AnonymousPull | undefined>;
  /** Ends every request; later answers are `unknown`. */
  readonly close: () => void;
};

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

export type RegistryOptions = RegistrySettings & {
  /** Whether an image is only asked for at its registry, its mirrors and the token server of Docker Hub; by default wherever these refer to. */
  readonly isIsolated?: boolean;
  /** Maximum number of concurrent calls for one namespace, and to one host; default 16 and 4. */
  readonly concurrency?: number;
  readonly perHost?: number;
  /** The bound of all calls, with the count of the process. */
  readonly calls?: Slots;
  /** Time limits in milliseconds of one call, and of all calls for one image. Default 5,000 and 10,000. */
  readonly callTimeout?: number;
  readonly imageTimeout?: number;
  /** Milliseconds that a call waits for a slot, not counted in the other limits. Default 30,000. */
  readonly lineTimeout?: number;
  /** DNS look-up. Default: the system's. */
  readonly lookup?: LookupFunction;
  /** Epoch milliseconds. Default: the system's. */
  readonly now?: () => number;
  /** Called with the milliseconds by which a registry is left alone for longer. */
  readonly onRest?: (ms: number) => void;
  /** For the log of operators: authors get one reason for all that cannot be reached. */
  readonly onUnreached?: OnUnreached;
};

/** Resolves references to digests at registries. Throws `ConfigError` if the certificate authorities can not be read. */
export function createRegistry(options: RegistryOptions): Registry {
  const closing = new AbortController();
  const { callTimeout = 5000, imageTimeout = 10_000, lineTimeout = 30_000 } = options;
  const {
    concurrency = boundTable.registry_calls_of_namespace.limit,
    perHost = boundTable.registry_calls_to_host.limit,
    calls = createBounds().registry_calls,
  } = options;
  const { lookup, now = Date.now, onRest = () => undefined, onUnreached = () => undefined } = options;
  const certificates = trustedAuthorities(options.certificates);
  const hosts = createHosts({ calls, concurrency, perHost, lineTimeout, now, onRest }, closing.signal);
  const exchangeOptions = { certificates, ...listedHosts(options), callTimeout, lookup, now, onUnreached };
  const exchange = createExchange(hosts, exchangeOptions, closing.signal);
  const askPlaces = createAskPlaces(createConversation(exchange, createTokens(exchange, now)));
  const ask = async (reference: string, keyring: Keyring, namespace: string): Promise<Answer> => {
    try {
      const places = placesOf(parseImageReference(reference), options);
      return await askPlaces(
        places,
        keyring,
        timeBudget(imageTimeout, namespace, options.isIsolated === true ? hostsOf(places) : undefined),
      );
    } catch (error) {
      return unknown(error);
    }
  };
  return {
    digest: shared(ask),
    anonymousPull: async (reference, namespace = '') => {
      const answer = await ask(reference, [], namespace);
      if (answer.type === 'digest') return 'Allowed';
      return answer.type === 'unknown' && answer.isDenied === true ? 'Denied' : undefined;
    },
    close: () => {
      closing.abort(new Error('the question was stopped, as the process is ending'));
      exchange.close();
    },
  };
}

type Ask = (reference: string, keyring: Keyring, namespace: string) => Promise<Answer>;

/** Where the places may be asked: of those that authors may name, only Docker Hub is known to have its token server elsewhere. */
const hostsOf = (places: readonly Place[]): ReadonlySet<string> =>
  new Set(places.flatMap(({ manifest: { host } }) => (host === dockerHub ? [host, 'auth.docker.io'] : [host])));

/** Shares one answer between concurrent calls of a namespace for the same image with the same logins. */
function shared(ask: Ask): Registry['digest'] {
  const inProgress = new Map<string, Promise<Answer>>();
  return (reference, keyring = [], namespace = '') => {
    const { digest } = parseImageReference(reference);
    if (isDigest.test(digest)) return Promise.resolve({ type: 'digest', digest });
    const key = fingerprint([normalisedReference(reference), keyring, namespace]);
    const answer = inProgress.get(key) ?? ask(reference, keyring, namespace).finally(() => inProgress.delete(key));
    inProgress.set(key, answer);
    return answer;
  };
}

type AskPlaces = (places: readonly Place[], keyring: Keyring, budget: Budget) => Promise<Answer>;

/** Maximum number of logins to try, as each costs the registry a request. */
const maxLogins = 4;
const maxReasonLength = 400;

/** Resolves a digest at mirrors, then at the registry; only the registry, which is last, can report an image as absent. */
function createAskPlaces(converse: Conversation): AskPlaces {
  const preferred = preferredLogins();
  return async (places, keyring, budget) => {
    let answer: Answer = { type: 'unknown', reason: 'no registry was asked' };
    for (const place of places) {
      const logins = loginsFor(keyring, place.registry, place.repository).slice(0, maxLogins);
      const candidates = preferred.inOrder(place, [undefined, ...logins]);
      answer = await tryLogins(converse, place, candidates, budget, preferred).catch(unknown);
      if (answer.type === 'digest') return answer;
    }
    return answer;
  };
}

/** Tries logins in turn. Absent only if no login was denied, as a denied one may hide the image. */
async function tryLogins(
  converse: Conversation,
  place: Place,
  candidates: readonly (Login | undefined)[],
  budget: Budget,
  preferred: PreferredLogins,
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
function unknown(error: unknown): Extract<Answer, { type: 'unknown' }> {
  const reason = printable(error instanceof Error ? error.message : 'the question was stopped', maxReasonLength);
  const retryAfterMs = error instanceof NoAnswer ? error.retryAfterMs : undefined;
  return { type: 'unknown', reason, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}

/** The login, or none, that each repository accepted last; tried first to avoid denied requests. */
type PreferredLogins = {
  /** Sorts logins into the order to try them. */
  readonly inOrder: (place: Place, logins: readonly (Login | undefined)[]) => readonly (Login | undefined)[];
  readonly worked: (place: Place, login: Login | undefined) => void;
};

const maxPreferred = 1000;

function preferredLogins(): PreferredLogins {
  const accepted = new BoundedMap<string, string>(maxPreferred);
  return {
    inOrder: (place, logins) => {
      const first = accepted.get(placeKey(place));
      const isFirst = (login: Login | undefined): boolean => loginKey(login) === first;
      return [...logins.filter((login) => isFirst(login)), ...logins.filter((login) => !isFirst(login))];
    },
    worked: (place, login) => {
      accepted.delete(placeKey(place));
      accepted.set(placeKey(place), loginKey(login));
    },
  };
}

const placeKey = ({ manifest, repository }: Place): string => `${manifest.origin} ${repository}`;
const loginKey = (login: Login | undefined): string =>
  login === undefined ? '' : fingerprint([login.username, login.password]);
