import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Artifact, Blob } from './oci.ts';

/** The value after `Basic ` in an Authorization header: base64 of user:password. */
export type Basic = string;

type Environment = Readonly<Record<string, string | undefined>>;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** The credentials that docker login stored for a host; Docker Hub's are under its old address. Credential helpers are not used. */
export const basicIn = (config: unknown, host: string): Basic | undefined => {
  const auths = isRecord(config) ? config['auths'] : undefined;
  if (!isRecord(auths)) return undefined;
  const names =
    host === 'docker.io' ? [host, 'https://index.docker.io/v1/'] : [host, `https://${host}`, `http://${host}`];
  const found = names.map((name) => auths[name]).find(isRecord);
  return typeof found?.['auth'] === 'string' && found['auth'] !== '' ? found['auth'] : undefined;
};

const readConfig = async (environment: Environment): Promise<unknown> => {
  const path = join(environment['DOCKER_CONFIG'] ?? join(homedir(), '.docker'), 'config.json');
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new Error(`cannot read ${path}`, { cause: error });
  }
};

/** The credentials for a registry: REGISTRY_USER and REGISTRY_PASSWORD, else those of docker login; undefined if there are none. */
export const credentialsFor = async (host: string, environment: Environment): Promise<Basic | undefined> => {
  const { REGISTRY_USER: user, REGISTRY_PASSWORD: password } = environment;
  if (user !== undefined && password !== undefined) return Buffer.from(`${user}:${password}`).toString('base64');
  return basicIn(await readConfig(environment), host);
};

/** A repository of a registry. */
export type Repository = {
  readonly request: (method: string, path: string, options?: RequestOptions) => Promise<Response>;
};

export type RequestOptions = { readonly body?: Buffer; readonly type?: string };

type Address = { readonly origin: string; readonly path: string };

const plainHosts = new Set(['localhost', '127.0.0.1', '[::1]', '172.30.0.1']);
const requestTimeout = 300_000;

/** The address of a repository such as ghcr.io/me/x; http for this machine, the lab, and insecure registries. */
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
  if (token === undefined) throw new Error(`${url.origin} gave no token for pushing (${response.status})`);
  return token;
};

/** The Authorization header in reply to a 401: a token from the realm, or the password; undefined without credentials. */
const authorizationFor = async (refusal: Response, basic: Basic | undefined): Promise<string | undefined> => {
  const { scheme, parameters } = challengeOf(refusal);
  if (scheme === 'bearer') return `Bearer ${await bearerToken(parameters, basic)}`;
  return basic === undefined ? undefined : `Basic ${basic}`;
};

/** A repository at `address`. Credentials are sent only on its challenge, and only to it or its token realm. */
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

const refused = async (what: string, response: Response): Promise<Error> =>
  new Error(`the registry rejected ${what}: ${response.status} ${(await response.text()).slice(0, 300)}`);

const pushBlob = async (repository: Repository, { descriptor: { digest }, bytes }: Blob): Promise<void> => {
  const head = await repository.request('HEAD', `blobs/${digest}`);
  if (head.ok) return;
  const start = await repository.request('POST', 'blobs/uploads/');
  const location = start.headers.get('location');
  if (start.status !== 202 || location === null) throw await refused(digest, start);
  const upload = new URL(location, start.url);
  upload.searchParams.set('digest', digest);
  const end = await repository.request('PUT', upload.href, { body: bytes, type: 'application/octet-stream' });
  if (end.status !== 201) throw await refused(digest, end);
};

const pushManifest = async (repository: Repository, { descriptor, bytes }: Blob, tag: string): Promise<void> => {
  const response = await repository.request('PUT', `manifests/${tag}`, { body: bytes, type: descriptor.mediaType });
  if (response.status !== 201) throw await refused(`the manifest ${tag}`, response);
};

/** Pushes content first and the tag last, so that the tag is never incomplete. Skips blobs that the registry has. */
export const push = async (
  repository: Repository,
  { blobs, manifests, root }: Artifact,
  tag: string,
): Promise<void> => {
  for (const blob of blobs) await pushBlob(repository, blob);
  for (const manifest of manifests) await pushManifest(repository, manifest, manifest.descriptor.digest);
  await pushManifest(repository, root, tag);
};
