import http from 'node:http';

export type Address = { readonly port: number; readonly path: string };
type Headers = Readonly<Record<string, string>>;

/** POSTs to a local port over a new connection; returns the status, or 0 without a response. */
export function postTo({ port, path }: Address, headers: Headers, body: string): Promise<number> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(30_000);
    const options = { host: 'localhost', port, path, method: 'POST', headers, signal, agent: new http.Agent() };
    const request = http.request(options, (response) => {
      response.resume();
      response.once('close', () => resolve(response.complete ? (response.statusCode ?? 0) : 0));
    });
    request.on('error', () => resolve(0));
    request.end(body);
  });
}

export const tickHeaders = {
  'ce-specversion': '1.0',
  'ce-id': 'tick',
  'ce-source': '/chaos',
  'ce-type': 'dev.knative.sources.ping',
} as const;
