import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import { type Conversation, manifestTypes, type Query } from './conversation.ts';
import { statusWords } from './exchange.ts';
import type { Login } from './keyring.ts';
import { Denied, NoAnswer, printable } from './no-answer.ts';
import type { Place } from './places.ts';
import type { Reply } from './send-request.ts';

/** What one place says of a manifest to one login. */
export type Finding =
  | { readonly type: 'digest'; readonly digest: string }
  | { readonly type: 'absent' }
  | { readonly type: 'denied'; readonly reason: string };

/** The digest a place tells by HEAD, or else that of the manifest it sends. Throws `NoAnswer` for what says neither this nor that. */
export async function manifestDigest(converse: Conversation, place: Place, query: Query): Promise<Finding> {
  try {
    const head = await converse('HEAD', place, query);
    const told = digestTold(head);
    if (head.status === 200 && told !== undefined) return { type: 'digest', digest: told };
    if (![200, 405, 501].includes(head.status)) return refusal(head, query.login);
    const whole = await converse('GET', place, query);
    return whole.status === 200 ? { type: 'digest', digest: digestOf(whole) } : refusal(whole, query.login);
  } catch (error) {
    if (error instanceof Denied) return { type: 'denied', reason: error.message };
    throw error;
  }
}

function digestTold({ headers }: Reply): string | undefined {
  const told = headers['docker-content-digest'];
  return typeof told === 'string' && /^sha256:[0-9a-f]{64}$/.test(told) ? told : undefined;
}

/** Only of a manifest: the page of whoever stands between has a digest too. */
function digestOf(reply: Reply): string {
  const type = (reply.headers['content-type'] ?? '').split(';', 1).join('').trim().toLowerCase();
  if (!manifestTypes.some((each) => each === type))
    throw new NoAnswer(`${reply.url.host} answered with what is no manifest: type ${printable(type) || 'unknown'}`);
  const digest = `sha256:${createHash('sha256').update(reply.body).digest('hex')}`;
  if ((digestTold(reply) ?? digest) !== digest)
    throw new NoAnswer(`${reply.url.host} answered with a manifest that has not the digest it told`);
  return digest;
}

const wire = z.object({
  errors: z.array(z.object({ code: z.optional(z.string()), message: z.optional(z.string()) })),
});

/** Of a server that was shown a login only the status is told: its words may repeat what it was sent. */
function refusal({ url, status, body }: Reply, login: Login | undefined): Finding {
  const { codes, words } = errorsIn(body.toString('utf8'));
  const isAbsent = status === 404 || codes.some((code) => code === 'MANIFEST_UNKNOWN' || code === 'NAME_UNKNOWN');
  if (isAbsent && status < 500) return { type: 'absent' };
  const told = login === undefined && words !== '' ? `: ${words}` : '';
  const reason = `${url.host} answered ${statusWords(status)}${told}`;
  if (status === 401 || status === 403) return { type: 'denied', reason };
  throw new NoAnswer(reason);
}

function errorsIn(text: string): { readonly codes: readonly string[]; readonly words: string } {
  try {
    const { errors } = wire.parse(JSON.parse(text));
    const words = errors.map(({ code, message }) => message ?? code ?? '').join('; ');
    return { codes: errors.map(({ code }) => code ?? ''), words: printable(words) };
  } catch {
    return { codes: [], words: printable(text) };
  }
}
