import type { ApiError } from '#runtime/errors.ts';

export type LineStream = {
  readonly push: (line: string) => void;
  readonly end: (error?: ApiError) => void;
  readonly onEnd: (run: () => void) => void;
  readonly lines: () => AsyncGenerator<string>;
};

/** Lines for one reader, which waits for the next until the stream ends. */
export function lineStream(): LineStream {
  const waiting: string[] = [];
  const ends: (() => void)[] = [];
  let wake = (): void => undefined;
  let end: { readonly error: ApiError | undefined } | undefined;
  return {
    push: (line) => {
      waiting.push(line);
      wake();
    },
    end: (error) => {
      end ??= { error };
      for (const run of ends) run();
      wake();
    },
    onEnd: (run) => ends.push(run),
    lines: async function* () {
      for (;;) {
        yield* waiting.splice(0);
        if (end !== undefined && waiting.length === 0) break;
        const { promise, resolve } = Promise.withResolvers<undefined>();
        wake = () => {
          resolve(undefined);
        };
        if (waiting.length === 0) await promise;
      }
      if (end.error !== undefined) throw end.error;
    },
  };
}
