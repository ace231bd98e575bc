import { createHash } from 'node:crypto';
import { scriptedServer } from '../scripted-server.ts';

/** A registry on loopback that tells digests and counts who asks; nothing can be pulled from it, as simulated nodes do not. */
export type LoopbackRegistry = {
  /** What the product needs to ask it over http. */
  readonly env: Readonly<Record<string, string>>;
  readonly image: (name: string) => string;
  /** The digest of an image now. */
  readonly digest: (name: string) => string;
  /** Pushes something else under the image's name. */
  readonly move: (name: string) => void;
  /** Whether it answers at all, or with 503. */
  readonly answers: (does: boolean) => void;
  /** Requests since the last call of this, as `HEAD name`. */
  readonly asked: () => readonly string[];
  readonly close: () => Promise<void>;
};

export async function loopbackRegistry(): Promise<LoopbackRegistry> {
  const pushes = new Map<string, number>();
  let isUp = true;
  let counted = 0;
  const digest = (name: string): string =>
    `sha256:${createHash('sha256')
      .update(`${name} ${pushes.get(name) ?? 0}`)
      .digest('hex')}`;
  const nameIn = (path: string): string => /^\/v2\/(.+)\/manifests\/latest$/.exec(path)?.[1] ?? '';
  const server = await scriptedServer((response, { path }) => {
    const name = nameIn(path);
    if (!isUp || name === '') response.writeHead(isUp ? 404 : 503).end();
    else
      response
        .writeHead(200, {
          'content-type': 'application/vnd.oci.image.index.v1+json',
          'docker-content-digest': digest(name),
        })
        .end();
  });
  const { host } = new URL(server.url);
  return {
    env: { REGISTRY_INSECURE: host },
    image: (name) => `${host}/${name}:latest`,
    digest,
    move: (name) => void pushes.set(name, (pushes.get(name) ?? 0) + 1),
    answers: (does) => void (isUp = does),
    asked: () => {
      const since = server.received.slice(counted);
      counted = server.received.length;
      return since.map(({ method, path }) => `${method} ${nameIn(path)}`);
    },
    close: server.close,
  };
}
