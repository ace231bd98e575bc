import { createHash } from 'node:crypto';

const sha = (text: string): string => createHash('sha256').update(text).digest('hex');

export type Image = {
  /** Repository with its registry. */
  readonly repository: string;
  /** As the runtime lists it: with tag, or with digest where the reference has one. */
  readonly name: string;
  readonly digest: string;
  readonly size: number;
};

const host = String.raw`(?:[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*|\[[0-9a-fA-F:]+\])(?::\d+)?`;
const part = '[a-z0-9]+(?:[._-]+[a-z0-9]+)*' as const;
const form = new RegExp(
  `^(?<path>(?:${host}/)?${part}(?:/${part})*)(?::(?<tag>\\w[\\w.-]{0,127}))?(?:@(?<digest>sha256:[0-9a-f]{64}))?$`,
);

/** A reference in full, as containerd names it; undefined for what is no reference. Its content is made up, but always the same. */
export const imageOf = (reference: string): Image | undefined => {
  const { path, tag, digest } = form.exec(reference)?.groups ?? {};
  if (path === undefined) return undefined;
  const [first = '', ...rest] = path.split('/');
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  const repository = isHost ? path : rest.length === 0 ? `docker.io/library/${path}` : `docker.io/${path}`;
  const tagged = digest === undefined ? `${repository}:${tag ?? 'latest'}` : `${repository}@${digest}`;
  const content = digest ?? `sha256:${sha(tagged)}`;
  return {
    repository,
    name: tagged,
    digest: content,
    size: 4_096 + (parseInt(sha(content).slice(0, 6), 16) % 90_000_000),
  };
};

/** Between 0 and 1, always the same for the same reference. */
export const fraction = (reference: string): number => parseInt(sha(reference).slice(0, 8), 16) / 0xffffffff;
