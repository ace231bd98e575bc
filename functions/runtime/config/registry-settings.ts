import { isWebAddress, type Reads } from './setting.ts';

/** What an operator tells of registries. */
export type RegistrySettings = {
  /** URLs that are asked in place of a registry, in this order and before it, by the registry's name. */
  readonly mirrors: Readonly<Record<string, readonly string[]>>;
  /** PEM of authorities that are trusted beside the usual ones, or the path of such a file; '' is none. */
  readonly certificates: string;
  /** Hosts, with their ports, that are spoken to over http. */
  readonly insecure: readonly string[];
};

/** Mirrors by registry, in JSON. */
export const mirrorLists: Reads<RegistrySettings['mirrors']> = {
  parse: (value) => {
    const lists = value.trim() === '' ? {} : listsOf(json(value));
    return lists && { value: lists };
  },
  expects: 'a JSON object from registries to lists of http or https URLs',
};

/** Hosts, separated by commas. */
export const hostList: Reads<readonly string[]> = {
  parse: (value) => {
    const hosts = value.split(',').flatMap((each) => (each.trim() === '' ? [] : [each.trim().toLowerCase()]));
    return hosts.every((each) => isHost(each)) ? { value: hosts } : undefined;
  },
  expects: 'hosts such as registry.local:5000, separated by commas',
};

/** Whether a text is the name or address of a host, with or without a port, and nothing more. */
export const isHost = (text: string): boolean =>
  /^(?:[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i.test(text) && URL.canParse(`https://${text}`);

function listsOf(value: unknown): RegistrySettings['mirrors'] | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value).map(([registry, urls]) => [
    registry,
    isHost(registry) ? listOf(urls) : undefined,
  ]);
  const good = entries.filter((entry): entry is [string, readonly string[]] => entry[1] !== undefined);
  return good.length === entries.length ? Object.fromEntries(good) : undefined;
}

function listOf(value: unknown): readonly string[] | undefined {
  const urls: readonly unknown[] = Array.isArray(value) ? value : [undefined];
  const good = urls.filter((url) => typeof url === 'string').filter((url) => isWebAddress(url));
  return good.length === urls.length ? good : undefined;
}

function json(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}
