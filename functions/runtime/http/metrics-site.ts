import type { ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { Metrics } from '#runtime/process/metrics.ts';
import { readTarget, type Site } from './site.ts';

/** Serves metrics at `/metrics`. */
export const metricsSite =
  ({ scrape }: Pick<Metrics<string>, 'scrape'>, log: Logger): Site =>
  (request, response) => {
    if (readTarget(request)?.pathname !== '/metrics') return false;
    void answer(scrape, response).catch((err: unknown) => {
      log.error({ err }, 'metrics failed');
      response.writeHead(500, { 'content-type': 'text/plain' }).end('metrics failed; see the log\n');
    });
    return true;
  };

async function answer(scrape: Metrics<string>['scrape'], response: ServerResponse): Promise<void> {
  const { contentType, text } = await scrape();
  response.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-store' }).end(text);
}
