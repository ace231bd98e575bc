import { createHash } from 'node:crypto';
import * as z from 'zod/mini';

export type Login = { readonly username: string; readonly password: string };

/** Logins by what of an image's name they are for, the most specific first. Holds passwords: never log one. */
export type Keyring = readonly (Login & { readonly key: string })[];

const entry = z.object({
  auth: z.optional(z.string()),
  username: z.optional(z.string()),
  password: z.optional(z.string()),
});
const wire = z.object({ auths: z.record(z.string(), z.unknown()) });

/** Reads the texts of pull secrets of type dockerconfigjson, as kubelets do. What can not be read gives no login, and no error that might quote it. */
export function keyringOf(texts: readonly string[]): Keyring {
  return texts.flatMap(loginsIn).toSorted((a, b) => (a.key === b.key ? 0 : a.key < b.key ? 1 : -1));
}

/** The logins for an image, in the order in which a kubelet tries them. Docker Hub's own key counts only where no other one does. */
export function loginsFor(keyring: Keyring, registry: string, repository: string): readonly Login[] {
  const found = keyring.filter(({ key }) => isFor(key, registry, repository));
  const isOfDockerHub = found.length === 0 && registry === 'docker.io';
  return (isOfDockerHub ? keyring.filter(({ key }) => key === 'index.docker.io') : found).map(
    ({ username, password }) => ({ username, password }),
  );
}

function loginsIn(text: string): Keyring {
  const parsed = wire.safeParse(json(text));
  if (!parsed.success) return [];
  return Object.entries(parsed.data.auths).flatMap(([place, value]) => {
    const [key, login] = [keyOf(place), loginOf(value)];
    return key === undefined || login === undefined ? [] : [{ key, ...login }];
  });
}

/** Host and path, without the scheme; a path of /v1/ or /v2/ is the interface of the registry and means all of it. */
function keyOf(place: string): string | undefined {
  const [, host = '', path = ''] = /^(?:https?:\/\/)?([^/?#]+)([^?#]*)/.exec(place) ?? [];
  if (host === '') return undefined;
  const within = /^\/v[12]\//.test(path) ? path.slice(3) : path;
  return host.toLowerCase() + (within === '/' ? '' : within);
}

/** `auth` wins over the two words that it is made of. */
function loginOf(value: unknown): Login | undefined {
  const parsed = entry.safeParse(value);
  if (!parsed.success) return undefined;
  const { auth = '', username = '', password = '' } = parsed.data;
  if (auth === '') return username === '' ? undefined : { username, password };
  const decoded = Buffer.from(auth, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  return colon === -1 ? undefined : { username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}

function isFor(key: string, registry: string, repository: string): boolean {
  const slash = key.indexOf('/');
  const [host, path] = slash === -1 ? [key, ''] : [key.slice(0, slash), key.slice(slash + 1)];
  return isHostFor(host, registry.toLowerCase()) && repository.startsWith(path);
}

/** A star stands for part of one label of the host's name, so that `*.example.com` is not for `example.com` nor for `a.b.example.com`. */
function isHostFor(pattern: string, host: string): boolean {
  const [wanted, labels] = [labelsOf(pattern), labelsOf(host)];
  return (
    wanted.length === labels.length &&
    portOf(pattern) === portOf(host) &&
    wanted.every((each, index) => matches(each, labels[index] ?? ''))
  );
}

const labelsOf = (host: string): readonly string[] => host.replace(/:\d*$/, '').split('.');
const portOf = (host: string): string => /:(\d+)$/.exec(host)?.[1] ?? '';

/** Walks both once and goes back to the last star only, as a pattern of many stars would keep a regular expression busy. */
function matches(pattern: string, text: string): boolean {
  let [at, star, from] = [0, -1, 0];
  for (let index = 0; index < text.length;) {
    const wanted = pattern[at];
    if (wanted === '*') {
      [star, from] = [at, index];
      at += 1;
    } else if (wanted === text[index]) {
      at += 1;
      index += 1;
    } else if (star === -1) return false;
    else {
      from += 1;
      [at, index] = [star + 1, from];
    }
  }
  return /^\**$/.test(pattern.slice(at));
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A key for things that hold secrets, so that none is kept as the key of a map. */
export const fingerprint = (parts: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('base64');
