import { Duplex } from 'node:stream';
import type { Owner, VirtualTime } from './virtual-time.ts';

/** One end of a connection; the network handles its writes and its end. */
export type VirtualSocket = Duplex & { carry?: (chunk: Buffer | null) => void; lose?: (error: Error) => void };

/** An error with a code of the operating system. */
export const problem = (code: string): Error => Object.assign(new Error(code), { code });

/** One end of a connection, with the parts of a net.Socket that Node's HTTP uses. */
export function socketOn(time: VirtualTime, owner: Owner | undefined): VirtualSocket {
  let cancelTimeout = (): void => undefined;
  let patience = 0;
  const touched = (): void => {
    cancelTimeout();
    if (patience > 0) cancelTimeout = time.after(patience, () => socket.emit('timeout'), owner);
  };
  const socket: VirtualSocket = new Duplex({
    read: () => touched(),
    write: (chunk: Buffer, _encoding, done) => {
      touched();
      socket.carry?.(chunk);
      done();
    },
    final: (done) => {
      socket.carry?.(null);
      done();
    },
    destroy: (error, done) => {
      cancelTimeout();
      socket.lose?.(problem('ECONNRESET'));
      done(error);
    },
  });
  // A connection may break before it is accepted.
  socket.on('error', () => undefined);
  return Object.assign(socket, {
    remoteAddress: '127.0.0.1',
    setKeepAlive: () => socket,
    setNoDelay: () => socket,
    ref: () => socket,
    unref: () => socket,
    setTimeout: (ms: number, run?: () => void) => {
      patience = ms;
      if (run !== undefined && ms === 0) socket.removeListener('timeout', run);
      else if (run !== undefined) socket.once('timeout', run);
      touched();
      return socket;
    },
  });
}
