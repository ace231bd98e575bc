import * as z from 'zod/mini';
import type { RegistryBudget } from '#model/cache/registry-use.ts';
import { registryName } from '#model/text/image-reference.ts';
import { isHost, isWebAddress, type Reads } from './setting.ts';

/** The operator's settings of registries. */
export type RegistrySettings = {
  /** Mirror URLs by registry name, tried in this order before the registry. */
  readonly mirrors: Readonly<Record<string, readonly string[]>>;
  /** PEM of additional certificate authorities, or the path of a PEM file; empty: none. */
  readonly certificates: string;
  /** Hosts, with ports, to connect to over http. */
  readonly insecure: readonly string[];
};

/** Parses mirrors by registry from JSON. */
export const mirrorLists: Reads<RegistrySettings['mirrors']> = {
  parse: (value) => {
    const lists = value.trim() === '' ? {} : listsOf(json(value));
    return lists && { value: lists };
  },
  expects: 'a JSON object from registries to lists of http or https URLs',
};

/** Parses budgets by registry from JSON. */
export const budgets: Reads<Readonly<Record<string, RegistryBudget>>> = {
  parse: (value) => {
    const parsed = value.trim() === '' ? {} : json(value);
    const read = budgetsSchema.safeParse(parsed);
    if (!read.success || !Object.keys(read.data).every((host) => isHost(host))) return undefined;
    return { value: Object.fromEntries(Object.entries(read.data).map(([host, each]) => [registryName(host), each])) };
  },
  expects: 'a JSON object such as {"docker.io": {"pullsPerHour": 80}}',
};

const budgetsSchema = z.record(z.string(), z.strictObject({ pullsPerHour: z.int().check(z.minimum(1)) }));

/** Parses a comma-separated list of hosts. */
export const hostList: Reads<readonly string[]> = {
  parse: (value) => {
    const hosts = value.split(',').flatMap((each) => (each.trim() === '' ? [] : [each.trim().toLowerCase()]));
    return hosts.every((each) => isHost(each)) ? { value: hosts } : undefined;
  },
  expects: 'hosts such as registry.local:5000, separated by commas',
};

function listsOf(value: unknown): RegistrySettings['mirrors'] | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value).map(([registry, urls]) => [
    registry,
    isHost(registry) ? listOf(urls) : undefined,
  ]);
  const valid = entries.filter((entry): entry is [string, readonly string[]] => entry[1] !== undefined);
  return valid.length === entries.length ? Object.fromEntries(valid) : undefined;
}

function listOf(value: unknown): readonly string[] | undefined {
  const urls: readonly unknown[] = Array.isArray(value) ? value : [undefined];
  const valid = urls.filter((url) => typeof url === 'string').filter((url) => isWebAddress(url));
  return valid.length === urls.length ? valid : undefined;
}

function json(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}
