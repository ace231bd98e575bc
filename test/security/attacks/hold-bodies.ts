import net from 'node:net';

export type HeldBodies = {
  readonly port: number;
  readonly path: string;
  readonly connections: number;
  /** How much of its body each sends. Default: nearly all. */
  readonly bytes?: number;
};

const announced = 2 * 1024 * 1024;

/** Attack 3: connections that each announce 2 MiB, send nearly all of it, and stay open until `close`. */
export async function holdBodies({
  port,
  path,
  connections,
  bytes = announced - 10,
}: HeldBodies): Promise<{ readonly close: () => void }> {
  const head = `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/cloudevents+json\r\ncontent-length: ${announced}\r\n\r\n`;
  const body = Buffer.alloc(bytes, ' ');
  const sockets = Array.from({ length: connections }, () => net.connect({ port, host: '127.0.0.1' }));
  const sent = sockets.map(
    (socket) =>
      new Promise<void>((resolve) => {
        socket.on('error', () => resolve()).on('close', () => resolve());
        socket.resume().write(head);
        socket.write(body, () => resolve());
      }),
  );
  await Promise.all(sent);
  return {
    close: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}
