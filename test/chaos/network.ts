import http from 'node:http';
import type { Duplex } from 'node:stream';
import type { SeededRandom } from './seeded-random.ts';
import { problem, socketOn, type VirtualSocket } from './virtual-socket.ts';
import type { Owner, VirtualTime } from './virtual-time.ts';

/** A connection in the memory of this process. */
export type Link = {
  readonly client: Owner | undefined;
  /** Resets the connection at both ends. */
  readonly reset: () => void;
  /** Drops all further data without closing: the connection is half-open. */
  readonly vanish: () => void;
};

export type Network = {
  /** The connection of a request. */
  readonly linkOf: (socket: unknown) => Link | undefined;
  /** Called for every server that starts to listen. */
  readonly onListen: (logLine: (server: http.Server, port: number) => void) => void;
  /** Refuses and closes all connections to a port until it is up again. */
  readonly down: (port: number) => void;
  readonly up: (port: number) => void;
  /** Removes a dead owner. Its connections are reset, or silent if its machine died. */
  readonly remove: (owner: Owner, how: 'reset' | 'vanish') => void;
  /** The number of open connections. */
  readonly open: () => number;
  /** Restores Node's network. */
  readonly close: () => void;
};

type Listening = { readonly server: http.Server; readonly owner: Owner | undefined; isUp: boolean };
type Connection = Link & { readonly port: number; readonly serverOwner: Owner | undefined };

/** Connects Node's HTTP clients and servers in memory, with a small latency and without sockets. */
export function virtualNetwork(time: VirtualTime, chance: SeededRandom): Network {
  const ports = new Map<number, Listening>();
  const links = new Set<Connection>();
  const bySocket = new WeakMap<object, Connection>();
  const listeners = new Set<(server: http.Server, port: number) => void>();
  let nextPort = 20_000;

  const connect = (to: { readonly port: number | string }): Duplex => {
    const port = Number(to.port);
    const client = time.owner();
    const near = socketOn(time, client);
    const at = ports.get(port);
    if (at?.isUp !== true || client?.isDead === true) {
      time.after(1, () => near.destroy(problem('ECONNREFUSED')), client);
      return near;
    }
    const far = socketOn(time, at.owner);
    const link = linked({ near, far, client, server: at, port });
    bySocket.set(far, link);
    time.after(latency(), () => near.emit('connect'), client);
    time.after(latency(), () => at.server.emit('connection', far), at.owner);
    return near;
  };

  const linked = (ends: {
    near: VirtualSocket;
    far: VirtualSocket;
    client: Owner | undefined;
    server: Listening;
    port: number;
  }): Connection => {
    const { near, far, client, server, port } = ends;
    let isGone = false;
    const forget = (): void => void links.delete(link);
    const towards = (end: VirtualSocket, owner: Owner | undefined) => {
      let last = 0;
      return (arrive: () => void): void => {
        if (isGone) return;
        last = Math.max(last, time.now() + latency());
        time.after(
          last - time.now(),
          () => {
            if (!isGone && !end.destroyed) arrive();
          },
          owner,
        );
      };
    };
    const [toFar, toNear] = [towards(far, server.owner), towards(near, client)];
    near.carry = (chunk) => toFar(() => far.push(chunk));
    far.carry = (chunk) => toNear(() => near.push(chunk));
    near.lose = (error) => {
      forget();
      toFar(() => far.destroy(error));
    };
    far.lose = (error) => {
      forget();
      toNear(() => near.destroy(error));
    };
    const link: Connection = {
      client,
      serverOwner: server.owner,
      port,
      reset: () => {
        for (const [end, owner] of [[near, client] as const, [far, server.owner] as const])
          time.after(0, () => end.destroy(problem('ECONNRESET')), owner);
        isGone = true;
        forget();
      },
      vanish: () => {
        isGone = true;
        forget();
      },
    };
    links.add(link);
    return link;
  };
  const latency = (): number => 1 + Math.floor(chance.next() * 4);

  const listen = (server: http.Server, options: unknown, done: unknown): http.Server => {
    const port = portAsked(options) || (nextPort += 1);
    ports.set(port, { server, owner: time.owner(), isUp: true });
    Object.assign(server, { address: () => ({ port, address: '127.0.0.1', family: 'IPv4' }) });
    if (typeof done === 'function') server.once('listening', () => void Reflect.apply(done, server, []));
    for (const logLine of listeners) logLine(server, port);
    process.nextTick(() => server.emit('listening'));
    return server;
  };
  const [ownAgent, ownServer] = [own(http.Agent.prototype), own(http.Server.prototype)];
  Object.assign(http.Agent.prototype, { createConnection: connect });
  Object.assign(http.Server.prototype, {
    listen(this: http.Server, ...args: readonly unknown[]) {
      return listen(this, args[0], args.at(-1));
    },
  });

  return {
    linkOf: (socket) => (typeof socket === 'object' && socket !== null ? bySocket.get(socket) : undefined),
    onListen: (logLine) => void listeners.add(logLine),
    down: (port) => {
      const at = ports.get(port);
      if (at !== undefined) at.isUp = false;
      for (const link of [...links]) if (link.port === port) link.reset();
    },
    up: (port) => {
      const at = ports.get(port);
      if (at !== undefined) at.isUp = true;
    },
    remove: (owner, how) => {
      for (const [port, listening] of ports) if (listening.owner === owner) ports.delete(port);
      for (const link of [...links]) if (link.client === owner || link.serverOwner === owner) link[how]();
    },
    open: () => links.size,
    close: () => {
      ownAgent.restore('createConnection');
      ownServer.restore('listen');
    },
  };
}

/** Restores an own property, or deletes it if it was inherited. */
function own(object: object): { readonly restore: (name: string) => void } {
  const before = Object.getOwnPropertyDescriptors(object);
  return {
    restore: (name) => {
      Reflect.deleteProperty(object, name);
      const descriptor = Object.entries(before).find(([key]) => key === name)?.[1];
      if (descriptor !== undefined) Object.defineProperty(object, name, descriptor);
    },
  };
}

function portAsked(options: unknown): number {
  if (typeof options === 'number') return options;
  const isNamed = typeof options === 'object' && options !== null && 'port' in options;
  return isNamed && typeof options.port === 'number' ? options.port : 0;
}
