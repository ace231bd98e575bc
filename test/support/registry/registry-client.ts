import { createHash } from 'node:crypto';
import type { OutgoingHttpHeaders } from 'node:http';
import { afterEach } from 'vitest';
import { type Answer, createRegistry, type Registry, type RegistryOptions } from '#runtime/registry/registry.ts';
import { answer, type Script, scriptedServer, type ScriptedServer, type ReceivedRequest } from '../scripted-server.ts';

/** A registry client in front of scripted servers, which are closed after each test, and what these answer. */

const open: { close: () => unknown }[] = [];

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

export const sha = (body: string) => `sha256:${createHash('sha256').update(body).digest('hex')}`;

export const digest = sha('a');

export const digestHeader = (value = digest): OutgoingHttpHeaders => ({ 'docker-content-digest': value });

export const index = { 'content-type': 'application/vnd.oci.image.index.v1+json' };

export const hostOf = ({ url }: ScriptedServer) => new URL(url).host;

export const basic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

export const secretFor = (host: string, user = 'u', password = 'p') =>
  JSON.stringify({ auths: { [host]: { username: user, password } } });

export async function server(script: Script): Promise<ScriptedServer> {
  const started = await scriptedServer(script);
  open.push(started);
  return started;
}

/** All servers are http by configuration. */
export function registryFor(servers: readonly ScriptedServer[], options: Partial<RegistryOptions> = {}): Registry {
  const insecure = servers.map(hostOf);
  const registry = createRegistry({ mirrors: {}, certificates: '', insecure, ...options });
  open.push(registry);
  return registry;
}

export async function one(script: Script, options: Partial<RegistryOptions> = {}) {
  const started = await server(script);
  return { server: started, host: hostOf(started), registry: registryFor([started], options) };
}

export const asks = ({ received }: ScriptedServer) => received.map(({ method, path }) => `${method} ${path}`);

export const authorizations = ({ received }: ScriptedServer) => received.map(({ headers }) => headers.authorization);

export const reasonOf = (result?: Answer) =>
  result?.type === 'unknown' ? result.reason : `none, it is ${JSON.stringify(result)}`;

export const silent: Script = () => undefined;

export const found: Script = (response) => answer(response, 200, '', digestHeader());

export const challengeOf = ({ headers, path }: ReceivedRequest): OutgoingHttpHeaders => {
  const scope = `repository:${/v2\/(.*)\/manifests/.exec(path)?.[1] ?? ''}:pull`;
  return { 'www-authenticate': `Bearer realm="http://${headers.host ?? ''}/token",service="test",scope="${scope}"` };
};

export const wantsPassword: Script = (response, { headers }) => {
  if (headers.authorization === basic('u', 'p')) answer(response, 200, '', digestHeader());
  else answer(response, 401, '', { 'www-authenticate': 'Basic realm="test"' });
};
