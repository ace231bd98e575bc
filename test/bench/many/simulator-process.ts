/** A simulated cluster in a process of its own, which counts the requests of every client but the bench. Controlled over IPC. */
import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import * as z from 'zod/mini';
import { startSimulator } from '@imagecache-functions/simulator';
import { benchAgent } from './bench-agent.ts';
import { kindOf, type Requested } from './requests.ts';

const order = z.object({ nodes: z.number(), kubeconfig: z.string(), pull: z.tuple([z.number(), z.number()]) });
const { nodes, kubeconfig, pull } = order.parse(JSON.parse(process.argv[2] ?? '{}'));

type Open = { readonly kind: string; readonly socket: Socket; from: number };
let requests: Record<string, Requested> = {};
const open = new Map<IncomingMessage, Open>();

const messageIn = z.object({ request: z.custom<IncomingMessage>() });

subscribe('http.server.request.start', (message) => {
  const { request } = messageIn.parse(message);
  if (request.headers['user-agent'] === benchAgent) return;
  const kind = kindOf(request.method ?? '', request.url ?? '');
  open.set(request, { kind, socket: request.socket, from: request.socket.bytesWritten });
  add(kind, { count: 1, bytes: 0 });
});
subscribe('http.server.response.finish', (message) => {
  const { request } = messageIn.parse(message);
  const known = open.get(request);
  if (known !== undefined) read(known);
  open.delete(request);
});

/** Adds what a connection has sent since it was last read: a watch is open for minutes. */
function read(known: Open): void {
  const { kind, socket, from } = known;
  known.from = socket.bytesWritten;
  add(kind, { count: 0, bytes: socket.bytesWritten - from });
}

function add(kind: string, { count, bytes }: Pick<Requested, 'count' | 'bytes'>): void {
  const now = Date.now();
  const known = requests[kind] ?? { count: 0, bytes: 0, firstAt: now, lastAt: now };
  const lastAt = count > 0 ? now : known.lastAt;
  requests[kind] = { ...known, count: known.count + count, bytes: known.bytes + bytes, lastAt };
}

const cluster = await startSimulator({
  nodes,
  crds: ['crds/imagecache.yaml', 'test/support/rollout-crd.yaml'],
  // Kubelets look at their images every 10 s.
  timings: { pull, nodeStatus: 10_000 },
  history: 20_000,
  recordsEvents: false,
});
await cluster.kubeconfig(kubeconfig);
process.on('message', (message) => {
  for (const each of open.values()) read(each);
  process.send?.({ requests });
  if (message === 'reset') requests = {};
});
process.on('disconnect', () => process.exit(0));
process.send?.({ server: cluster.server });
