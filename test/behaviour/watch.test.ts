import { describe, expect, it } from 'vitest';
import type { Api } from '#runtime/api/api.ts';
import { eventually } from './eventually.ts';
import { recordWatch } from './watch.ts';

const line = (type: string, object: object): string => JSON.stringify({ type, object });
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

const record = (...watches: readonly (readonly string[])[]) =>
  recordWatch(server(...watches) as Api, '/things', (object) => object);

describe('a recorded watch', () => {
  it('restarts when its first resource version is too old', async () => {
    const recording = await record([expired], [line('MODIFIED', { name: 'b' })]);
    const changes = await eventually('two changes', () => recording.changes().length === 2 && recording.changes());
    expect(changes.map(({ type, object }) => [type, object])).toEqual([
      ['ADDED', { name: 'b' }],
      ['MODIFIED', { name: 'b' }],
    ]);
    await recording.stop();
  });

  it('fails when a later resource version is too old, as changes may be missing', async () => {
    const recording = await record([line('ADDED', { name: 'a' }), expired]);
    await recording.stop();
    expect(() => recording.changes()).toThrow('the watch of /things broke');
  });
});
