import type { Budget, Exchange } from './exchange.ts';
import { NoAnswer } from './no-answer.ts';
import { isManifestPath } from './places.ts';
import type { Question, Reply } from './send-request.ts';

const mostRedirects = 5;
const redirects = [301, 302, 303, 307, 308];

/** Asks where a registry sends us, manifests only. Who is asking is told to the first host alone, and not again on the way back. */
export async function followRedirects(exchange: Exchange, question: Question, budget: Budget): Promise<Reply> {
  let asked = question;
  for (let count = 0; count <= mostRedirects; count += 1) {
    const reply = await exchange.ask(asked, budget);
    if (!redirects.includes(reply.status)) return reply;
    const url = targetOf(reply);
    asked = { ...asked, url, headers: url.origin === asked.url.origin ? asked.headers : anonymous(asked.headers) };
  }
  throw new NoAnswer(`${question.url.host} redirected more than ${mostRedirects} times`);
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
