import type { Budget, Exchange } from './exchange.ts';
import { NoAnswer } from './no-answer.ts';
import { isManifestPath } from './places.ts';
import type { Question, Reply } from './send-request.ts';

const maxRedirects = 5;
const redirects = [301, 302, 303, 307, 308];

/** Follows redirects to manifests; drops the login at the first change of host, for good. */
export async function followRedirects(exchange: Exchange, question: Question, budget: Budget): Promise<Reply> {
  let next = question;
  for (let count = 0; count <= maxRedirects; count += 1) {
    const reply = await exchange.ask(next, budget);
    if (!redirects.includes(reply.status)) return reply;
    const url = targetOf(reply);
    next = { ...next, url, headers: url.origin === next.url.origin ? next.headers : anonymous(next.headers) };
  }
  throw new NoAnswer(`${question.url.host} redirected more than ${maxRedirects} times`);
}

function targetOf({ url, headers }: Reply): URL {
  const { location = '' } = headers;
  const target = location === '' ? undefined : URL.parse(location, url.href);
  if (target && isManifestPath(target)) return target;
  throw new NoAnswer(`${url.host} redirected to what is no manifest`);
}

function anonymous(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'authorization'));
}
