import * as z from 'zod/mini';
import { type Conversation, manifestTypes } from './authentication.ts';
import { jsonIn } from '#runtime/config/setting.ts';
import type { Query } from './keyring.ts';
import { statusWords } from './exchange.ts';
import { Denied, NoAnswer, type Reply } from './send-request.ts';
import type { Place } from './places.ts';
import type { IncomingHttpHeaders } from 'node:http';
import type { RateLimit } from '#model/cache/registry-use.ts';

/** The result for a manifest at one place with one login. */
export type Finding =
  /** `left`: what the place itself reports about its limit. */
  | { readonly type: 'digest'; readonly digest: string; readonly left: PullsLeft | undefined }
  | { readonly type: 'absent' }
  | { readonly type: 'denied'; readonly reason: string };

/** Resolves a digest by HEAD, or else from the manifest itself. Throws `NoAnswer` for any other answer. */
export async function manifestDigest(converse: Conversation, place: Place, query: Query): Promise<Finding> {
  try {
    const head = await converse('HEAD', place, query);
    const digest = digestHeader(head);
    if (head.status === 200 && digest !== undefined) return { type: 'digest', digest, left: leftIn(head, place) };
    if (![200, 405, 501].includes(head.status)) return refusal(head);
    const whole = await converse('GET', place, query);
    if (whole.status !== 200) return refusal(whole);
    return { type: 'digest', digest: digestOf(whole), left: leftIn(whole, place) };
  } catch (error) {
    if (error instanceof Denied) return { type: 'denied', reason: error.message };
    throw error;
  }
}

/** The limit of a mirror, or of a host that the place redirected to, is not that of the place. */
const leftIn = ({ url, headers }: Reply, { manifest, isMirror }: Place): PullsLeft | undefined =>
  isMirror || url.origin !== manifest.origin ? undefined : pullsLeftIn(headers);

function digestHeader({ headers }: Reply): string | undefined {
  const digest = headers['docker-content-digest'];
  return typeof digest === 'string' && /^sha256:[0-9a-f]{64}$/.test(digest) ? digest : undefined;
}

/** Hashes the body if it is a manifest, and not the error page of a proxy. */
function digestOf(reply: Reply): string {
  const type = (reply.headers['content-type'] ?? '').split(';', 1).join('').trim().toLowerCase();
  if (!manifestTypes.some((each) => each === type))
    throw new NoAnswer(`${reply.url.host} answered with what is no manifest`);
  const { digest } = reply;
  if ((digestHeader(reply) ?? digest) !== digest)
    throw new NoAnswer(`${reply.url.host} answered with a manifest that does not have the digest it reported`);
  return digest;
}

const errorResponse = z.object({
  errors: z.array(z.object({ code: z.optional(z.string()) })),
});

/** Classifies an error answer. The body is not quoted: it may hold the login, or be a page of a host that only we reach. */
function refusal({ url, status, body }: Reply): Finding {
  const codes = errorCodesIn(body.toString('utf8'));
  const isAbsent = status === 404 || codes.some((code) => code === 'MANIFEST_UNKNOWN' || code === 'NAME_UNKNOWN');
  if (isAbsent && status < 500) return { type: 'absent' };
  const reason = `${url.host} answered ${statusWords(status)}`;
  if (status === 401 || status === 403) return { type: 'denied', reason };
  throw new NoAnswer(reason);
}

function errorCodesIn(text: string): readonly (string | undefined)[] {
  const parsed = errorResponse.safeParse(jsonIn(text));
  return parsed.data?.errors.map(({ code }) => code) ?? [];
}

/** How many pulls an answer reports as left, and for how many milliseconds. */
export type PullsLeft = Omit<RateLimit, 'hasLogin'>;

/**
 * Reads the limit that an answer names: `ratelimit-remaining: 76;w=21600` of Docker Hub, or the fields of the IETF drafts,
 * `RateLimit-Remaining` with `RateLimit-Reset`, and `RateLimit`; undefined if it names none.
 */
export function pullsLeftIn(headers: IncomingHttpHeaders): PullsLeft | undefined {
  const [remaining = '', reset = '', field = ''] = names.map((name) => [headers[name] ?? ''].flat().join(', '));
  const [, count, window] = /^\s*(\d{1,9})(?!\d)(?:\s*;\s*w=(\d{1,9})(?!\d))?/.exec(remaining) ?? [];
  if (count !== undefined) return pullsLeft(count, /^\s*(\d{1,9})(?!\d)/.exec(reset)?.[1] ?? window);
  const policies = [...field.matchAll(policy)].map(([, left = '', seconds]) => pullsLeft(left, seconds));
  return policies.toSorted((a, b) => a.left - b.left)[0];
}

const names = ['ratelimit-remaining', 'ratelimit-reset', 'ratelimit'] as const;

/** `limit=100, remaining=76, reset=50`, or for each policy `"default";r=76;t=50`. Longer numbers are no durations. */
const policy = /\b(?:r|remaining)=(\d{1,9})(?!\d)(?:\s*[;,]\s*(?:t|reset)=(\d{1,9})(?!\d))?/g;

const pullsLeft = (left: string, seconds: string | undefined): PullsLeft => ({
  left: Number(left),
  ms: seconds === undefined ? undefined : Number(seconds) * 1000,
});
