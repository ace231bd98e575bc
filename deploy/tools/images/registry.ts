import type { Basic } from './credentials.ts';

/** One repository of a registry, spoken to with the right to push. */
export type Repository = {
  readonly request: (method: string, path: string, options?: RequestOptions) => Promise<Response>;
};

export type RequestOptions = { readonly body?: Buffer; readonly type?: string };

type Address = { readonly origin: string; readonly path: string };

const plainHosts = new Set(['localhost', '127.0.0.1', '[::1]', '172.30.0.1']);
const requestTimeout = 300_000;

/** Where a repository such as ghcr.io/me/x is reached; http for this machine and the lab, and wherever it is asked for. */
export const addressOf = (repository: string, isInsecure: boolean): Address => {
  const [host = '', ...path] = repository.split('/');
  const server = host === 'docker.io' ? 'registry-1.docker.io' : host;
  const isPlain = isInsecure || plainHosts.has(server.replace(/:\d+$/, ''));
  return { origin: `${isPlain ? 'http' : 'https'}://${server}`, path: path.join('/') };
};

const challengeOf = (response: Response) => {
  const header = response.headers.get('www-authenticate') ?? '';
  const parameters = new Map(
    [...header.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]),
  );
  return { scheme: header.split(' ', 1)[0]?.toLowerCase(), parameters };
};

const tokenIn = (answer: unknown): string | undefined => {
  if (typeof answer !== 'object' || answer === null) return undefined;
  const token = 'token' in answer ? answer.token : 'access_token' in answer ? answer.access_token : undefined;
  return typeof token === 'string' ? token : undefined;
};

const bearerToken = async (parameters: ReadonlyMap<string, string>, basic: Basic | undefined): Promise<string> => {
  const url = new URL(parameters.get('realm') ?? '');
  for (const name of ['service', 'scope']) url.searchParams.set(name, parameters.get(name) ?? '');
  const headers = new Headers(basic === undefined ? {} : { authorization: `Basic ${basic}` });
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(requestTimeout) });
  const token = response.ok ? tokenIn(await response.json()) : undefined;
  if (token === undefined) throw new Error(`${url.origin} gives us no token to push with (${response.status})`);
  return token;
};

/** What answers a registry's 401: a token from where it says, or the password itself; undefined if we have nothing to answer. */
const authorizationFor = async (refusal: Response, basic: Basic | undefined): Promise<string | undefined> => {
  const { scheme, parameters } = challengeOf(refusal);
  if (scheme === 'bearer') return `Bearer ${await bearerToken(parameters, basic)}`;
  return basic === undefined ? undefined : `Basic ${basic}`;
};

/** A repository at `address`; credentials are sent only after it has asked for them, and only to it or to where it says. */
export const repositoryAt = ({ origin, path: name }: Address, basic: Basic | undefined): Repository => {
  let authorization: string | undefined;
  const send = (method: string, url: URL, { body, type }: RequestOptions) => {
    const headers = new Headers();
    if (type !== undefined) headers.set('content-type', type);
    if (authorization !== undefined && url.origin === origin) headers.set('authorization', authorization);
    const signal = AbortSignal.timeout(requestTimeout);
    return fetch(url, { method, headers, signal, ...(body === undefined ? {} : { body: new Uint8Array(body) }) });
  };
  const request = async (method: string, path: string, options: RequestOptions = {}) => {
    const url = new URL(path, `${origin}/v2/${name}/`);
    const response = await send(method, url, options);
    if (response.status !== 401) return response;
    authorization = await authorizationFor(response, basic);
    return authorization === undefined ? response : send(method, url, options);
  };
  return { request };
};
