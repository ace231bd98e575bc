import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod/mini';
import { labAt } from '../cluster/lab.ts';

/**
 * The program of `startPeers`: two registries with the images of the lab's open one, the second for accounts only, and a mirror
 * in front of both that serves what another node holds. It runs in the lab's network and answers over its IPC channel.
 */
export type Sent = {
  /** The size of the image in the registry: manifest, configuration and layers. */
  readonly image: number;
  /** Bytes of it that the registry has sent, and the mirror. */
  readonly registry: number;
  readonly mirror: number;
};

const address = '172.30.0.1';
const storage = 'http://127.0.0.1:5000';
const [openPort, accountsPort, mirrorPort] = [5020, 5021, 5030];
/** Bytes per second and connection: nodes that start a second apart still pull at the same time. */
const rate = 4_000_000;

const lab = await labAt(z.parse(z.custom<Parameters<typeof labAt>[0]>(), JSON.parse(process.argv[2] ?? '')));
const nodes = [1, 2];
const sent = { registry: new Map<string, number>(), mirror: new Map<string, number>() };

const count = (by: Map<string, number>, repository: string, bytes: number): void =>
  void by.set(repository, (by.get(repository) ?? 0) + bytes);

const repositoryOf = (path: string): string => /^\/v2\/(.+)\/(?:manifests|blobs)\//.exec(path)?.[1] ?? '';

/** Sends at the rate of the registry. */
async function forward({ method, url = '', headers }: IncomingMessage, response: ServerResponse): Promise<void> {
  const outgoing = request(`${storage}${url}`, { method, headers: { accept: headers.accept } });
  outgoing.end();
  const [answer] = z.parse(z.tuple([z.custom<IncomingMessage>()]), await once(outgoing, 'response'));
  response.writeHead(answer.statusCode ?? 502, answer.headers);
  for await (const chunk of answer) {
    const { length } = z.parse(z.instanceof(Buffer), chunk);
    count(sent.registry, repositoryOf(url), length);
    response.write(chunk);
    await sleep((1000 * length) / rate);
  }
  response.end();
}

type Content = { readonly file: string; readonly digest: string; readonly type: string };

const contentOn = (node: number, digest: string): string =>
  join(lab.logs, `../run/node${node}/containerd/io.containerd.content.v1.content/blobs`, digest.replace(':', '/'));

/** The images of a node by name: a runtime lists those that it has pulled as a whole. */
async function imagesOn(
  node: number,
): Promise<ReadonlyMap<string, { readonly type: string; readonly digest: string }>> {
  const [, ...lines] = (await lab.node(node, 'ctr', '-n', 'k8s.io', 'images', 'ls')).split('\n');
  return new Map(
    lines.map((line) => line.split(/\s+/)).map(([name = '', type = '', digest = '']) => [name, { type, digest }]),
  );
}

const Manifest = z.object({
  config: z.object({ digest: z.string() }),
  layers: z.array(z.object({ digest: z.string() })),
});

async function partsOf(node: number, digest: string): Promise<readonly string[]> {
  const { config, layers } = Manifest.parse(JSON.parse(await readFile(contentOn(node, digest), 'utf8')));
  return [config, ...layers].map((part) => part.digest);
}

/** What a node holds of what is asked for: a manifest by tag or digest, or a part of a whole image. */
async function heldBy(node: number, registry: string, path: string): Promise<Content | undefined> {
  const [, repository = '', kind, reference = ''] = /^\/v2\/(.+)\/(manifests|blobs)\/(.+)$/.exec(path) ?? [];
  for (const [name, { type, digest }] of await imagesOn(node)) {
    if (!name.startsWith(`${registry}/${repository}:`)) continue;
    const file = contentOn(node, digest);
    if (kind === 'manifests' && (name.endsWith(`:${reference}`) || digest === reference)) return { file, digest, type };
    if (kind === 'blobs' && (await partsOf(node, digest)).includes(reference))
      return { file: contentOn(node, reference), digest: reference, type: 'application/octet-stream' };
  }
  return undefined;
}

async function mirror({ method, url = '', socket }: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(url, 'http://mirror');
  for (const node of nodes.filter((each) => socket.remoteAddress !== `172.30.0.1${each}`)) {
    const held = await heldBy(node, searchParams.get('ns') ?? '', pathname);
    if (held === undefined) continue;
    const { size } = await stat(held.file);
    const headers = { 'content-length': size, 'content-type': held.type, 'docker-content-digest': held.digest };
    response.writeHead(200, headers);
    if (method === 'HEAD') response.end();
    else {
      count(sent.mirror, repositoryOf(pathname), size);
      createReadStream(held.file).pipe(response);
    }
    return;
  }
  response.writeHead(404).end();
}

type Handler = (incoming: IncomingMessage, response: ServerResponse) => Promise<void>;

const alice = `Basic ${Buffer.from('alice:a').toString('base64')}`;
const forAccounts: Handler = async (incoming, response) => {
  if (incoming.headers.authorization === alice) return forward(incoming, response);
  response.writeHead(401, { 'www-authenticate': 'Basic realm="peers"' }).end();
};

const listen = async (port: number, handler: Handler): Promise<void> => {
  const server = createServer((incoming, response) => {
    handler(incoming, response).catch(() => response.destroy());
  });
  await once(server.listen(port, address), 'listening');
};
await listen(openPort, forward);
await listen(accountsPort, forAccounts);
await listen(mirrorPort, mirror);

const Sizes = z.object({ config: z.object({ size: z.number() }), layers: z.array(z.object({ size: z.number() })) });

async function sizeOf(repository: string): Promise<number> {
  const accept = 'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json';
  const text = await (await fetch(`${storage}/v2/${repository}/manifests/1`, { headers: { accept } })).text();
  const { config, layers } = Sizes.parse(JSON.parse(text));
  return text.length + [config, ...layers].reduce((sum, { size }) => sum + size, 0);
}

process.on('message', (repository: string) => {
  void sizeOf(repository).then((image) => {
    const reply: Sent = {
      image,
      registry: sent.registry.get(repository) ?? 0,
      mirror: sent.mirror.get(repository) ?? 0,
    };
    process.send?.(reply);
  });
});
process.on('disconnect', () => process.exit());
process.send?.('started');
