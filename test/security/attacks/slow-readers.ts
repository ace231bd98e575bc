import net from 'node:net';

/** Connections that each ask for many pages at once and read none of them, until `close`. */
export function readSlowly(port: number, connections: number): { readonly close: () => void } {
  const request = 'GET /metrics HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n'.repeat(50);
  const sockets = Array.from({ length: connections }, () => net.connect({ port, host: '127.0.0.1' }));
  for (const socket of sockets) socket.on('error', () => undefined).write(request);
  return {
    close: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}
