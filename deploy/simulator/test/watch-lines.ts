import { request } from 'node:http';
import { isObject, type JsonObject } from '../json.ts';

/** Everything that a watch sends until it ends or as many events have come as are wanted. */
export const watchLines = (url: string, wanted: number): Promise<readonly JsonObject[]> =>
  new Promise((resolve, reject) => {
    const events: JsonObject[] = [];
    const sent = request(url, (response) => {
      let rest = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        events.push(...lines.map((line): unknown => JSON.parse(line)).filter(isObject));
        if (events.length >= wanted) sent.destroy();
      });
      response.on('close', () => resolve(events));
    });
    sent.on('error', (error) => (events.length > 0 ? resolve(events) : reject(error)));
    sent.end();
  });
