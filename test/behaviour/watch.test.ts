import { describe, expect, it } from 'vitest';
import type { Api } from '#runtime/api/api.ts';
import { eventually } from './eventually.ts';
import { recordWatch } from './watch.ts';

const line = (type: string, object: object): string => JSON.stringify({ type, object });
const thing = (name: string, resourceVersion: string) => ({ metadata: { name, resourceVersion } });
const expired = line('ERROR', { kind: 'Status', code: 410 });

/** An API server that answers the watches in turn with these lines and then nothing, and lists `b` the second time. */
function server(...watches: readonly (readonly string[])[]): Pick<Api, 'request' | 'lines'> {
  let [lists, streams] = [0, 0];
  return {
    request: () => {
      lists += 1;
      return Promise.resolve({
        metadata: { resourceVersion: String(lists) },
        items: lists === 1 ? [] : [{ name: 'b' }],
      });
    },
    lines: async function* ({ signal }) {
      streams += 1;
      yield* watches[streams - 1] ?? [];
      await new Promise((resolve) => signal?.addEventListener('abort', resolve));
    },
  };
}

/** An API server that ends each watch after one of these changes, and the paths of its watches. */
function endingServer(...changes: readonly string[]): { readonly api: Api; readonly watches: readonly string[] } {
  const watches: string[] = [];
  const of: Pick<Api, 'request' | 'lines'> = {
    request: () => Promise.resolve({ metadata: { resourceVersion: '1' }, items: [] }),
    lines: async function* ({ path, signal }) {
      watches.push(path);
      const change = changes[watches.length - 1];
      if (change !== undefined) yield change;
      else await new Promise((resolve) => signal?.addEventListener('abort', resolve));
    },
  };
  return { api: of as Api, watches };
}

const record = (...watches: readonly (readonly string[])[]) =>
  recordWatch(server(...watches) as Api, '/things', (object) => object);

describe('a recorded watch', () => {
  it('restarts when its first resource version is too old', async () => {
    const recording = await record([expired], [line('MODIFIED', thing('b', '3'))]);
    const changes = await eventually('two changes', () => recording.changes().length === 2 && recording.changes());
    expect(changes.map(({ type, object }) => [type, object])).toEqual([
      ['ADDED', { name: 'b' }],
      ['MODIFIED', thing('b', '3')],
    ]);
    await recording.stop();
  });

  it('continues after its last change when the API server ended it', async () => {
    const { api, watches } = endingServer(line('ADDED', thing('a', '7')), line('MODIFIED', thing('a', '9')));
    const recording = await recordWatch(api, '/things', (object) => object);
    await eventually('three watches', () => watches.length === 3);
    expect(recording.changes().map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED']);
    expect(watches.map((path) => new URLSearchParams(path.split('?')[1]).get('resourceVersion'))).toEqual([
      '1',
      '7',
      '9',
    ]);
    await recording.stop();
  });

  it('fails when a later resource version is too old, as changes may be missing', async () => {
    const recording = await record([line('ADDED', thing('a', '2')), expired]);
    await recording.stop();
    expect(() => recording.changes()).toThrow('the watch of /things broke');
  });
});
