import http from 'node:http';

export type Sent = {
  readonly method?: string;
  readonly path: string;
  readonly headers?: http.OutgoingHttpHeaders;
  /** Milliseconds. Default: 30,000. */
  readonly timeout?: number;
};

/** The status that a request to a port of this machine is answered with, on a connection of its own. */
export function statusOf(
  port: number,
  { method = 'GET', path, headers = {}, timeout = 30_000 }: Sent,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, method, path, headers, agent: false, timeout };
    const request = http.request(options, (response) => resolve(response.resume().statusCode ?? 0));
    request.on('timeout', () => request.destroy(new Error(`no answer within ${timeout / 1000} s`)));
    request.on('error', reject).end();
  });
}
