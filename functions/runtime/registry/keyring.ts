import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import { jsonIn } from '#runtime/config/setting.ts';
import type { Budget } from './exchange.ts';

export type Login = { readonly username: string; readonly password: string };

/** Logins by the image prefix they are for, most specific first. Holds passwords: never log one. */
export type Keyring = readonly (Login & { readonly key: string })[];

const entry = z.object({
  auth: z.optional(z.string()),
  username: z.optional(z.string()),
  password: z.optional(z.string()),
});
const dockerConfig = z.object({ auths: z.record(z.string(), z.unknown()) });

/** Parses pull secrets of type dockerconfigjson as kubelets do. Skips invalid ones without an error, which might quote them. */
export function keyringOf(texts: readonly string[]): Keyring {
  return texts.flatMap(loginsIn).toSorted((a, b) => (a.key === b.key ? 0 : a.key < b.key ? 1 : -1));
}

/** The logins for an image, in the kubelet's order. Docker Hub's default key is used only if no other matches. */
export function loginsFor(keyring: Keyring, registry: string, repository: string): readonly Login[] {
  const found = keyring.filter(({ key }) => isFor(key, registry, repository));
  const isOfDockerHub = found.length === 0 && registry === 'docker.io';
  return (isOfDockerHub ? keyring.filter(({ key }) => key === 'index.docker.io') : found).map(
    ({ username, password }) => ({ username, password }),
  );
}

function loginsIn(text: string): Keyring {
  const parsed = dockerConfig.safeParse(jsonIn(text));
  if (!parsed.success) return [];
  return Object.entries(parsed.data.auths).flatMap(([place, value]) => {
    const [key, login] = [keyOf(place), loginOf(value)];
    return key === undefined || login === undefined ? [] : [{ key, ...login }];
  });
}

/** Host and path, without the scheme; /v1/ and /v2/ are API paths that match the whole registry. */
function keyOf(place: string): string | undefined {
  const [, host = '', path = ''] = /^(?:https?:\/\/)?([^/?#]+)([^?#]*)/.exec(place) ?? [];
  if (host === '') return undefined;
  const within = /^\/v[12]\//.test(path) ? path.slice(3) : path;
  return host.toLowerCase() + (within === '/' ? '' : within);
}

/** `auth` takes precedence over username and password. */
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

/** A star matches within one label: `*.example.com` matches neither `example.com` nor `a.b.example.com`. */
function isHostFor(pattern: string, host: string): boolean {
  const [patterns, labels] = [labelsOf(pattern), labelsOf(host)];
  return (
    patterns.length === labels.length &&
    portOf(pattern) === portOf(host) &&
    patterns.every((each, index) => matches(each, labels[index] ?? ''))
  );
}

const labelsOf = (host: string): readonly string[] => host.replace(/:\d*$/, '').split('.');
const portOf = (host: string): string => /:(\d+)$/.exec(host)?.[1] ?? '';

/** Backtracks to the last star only, since a regular expression with many stars could take exponential time. */
function matches(pattern: string, text: string): boolean {
  let [at, star, from] = [0, -1, 0];
  for (let index = 0; index < text.length;) {
    const expected = pattern[at];
    if (expected === '*') {
      [star, from] = [at, index];
      at += 1;
    } else if (expected === text[index]) {
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

/** Hashes values that hold secrets, for use as keys of maps. */
export const fingerprint = (parts: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('base64');
/** The login to use, if any, and the time budget. */
export type Query = { readonly login: Login | undefined; readonly budget: Budget };
