import type { LookupFunction } from 'node:net';
import type { AnonymousPull } from '#model/cache/access.ts';
import { normalisedReference, parseImageReference } from '#model/text/image-reference.ts';
import { type Answer, createAskPlaces, unknown } from './ask-places.ts';
import { createConversation } from './conversation.ts';
import { createExchange, timeBudget } from './exchange.ts';
import { createHosts } from './hosts.ts';
import { boundTable, createBounds, type Slots } from '#runtime/bounds.ts';
import { fingerprint, type Keyring } from './keyring.ts';
import { isDigest, placesOf, plainHosts } from './places.ts';
import type { RegistrySettings } from '#runtime/config/process-settings.ts';
import { createTokens } from './tokens.ts';
import { trustedAuthorities } from './trusted-authorities.ts';

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

export type RegistryOptions = RegistrySettings & {
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
  const { lookup, now = Date.now, onRest = () => undefined } = options;
  const certificates = trustedAuthorities(options.certificates);
  const hosts = createHosts({ calls, concurrency, perHost, lineTimeout, now, onRest }, closing.signal);
  const exchangeOptions = { certificates, plain: plainHosts(options), callTimeout, lookup, now };
  const exchange = createExchange(hosts, exchangeOptions, closing.signal);
  const askPlaces = createAskPlaces(createConversation(exchange, createTokens(exchange, now)));
  const ask = async (reference: string, keyring: Keyring, namespace: string): Promise<Answer> => {
    try {
      const places = placesOf(parseImageReference(reference), options);
      return await askPlaces(places, keyring, timeBudget(imageTimeout, namespace));
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
