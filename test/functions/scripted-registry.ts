import { normalisedReference } from '#model/text/image-reference.ts';
import type { Context } from '#runtime/handler.ts';

type Answer = Awaited<ReturnType<Context['registry']['digest']>>;
type Asked = { readonly reference: string; readonly usernames: readonly string[] };

export type ScriptedRegistry = Context['registry'] & {
  /** What it says of a reference from now on; until then it is unknown. */
  readonly says: (reference: string, word: Answer | string | Promise<Answer>) => void;
  /** What it was asked for, and with which logins, since the last call of this. */
  readonly asked: () => readonly Asked[];
};

/** A registry of memory; a word that is a text is a digest. */
export function scriptedRegistry(): ScriptedRegistry {
  const words = new Map<string, Answer | Promise<Answer>>();
  let asked: Asked[] = [];
  return {
    digest: async (reference, keyring = []) => {
      asked.push({ reference, usernames: keyring.map(({ username }) => username) });
      return words.get(normalisedReference(reference)) ?? Promise.resolve({ type: 'unknown', reason: 'it is silent' });
    },
    says: (reference, word) =>
      void words.set(
        normalisedReference(reference),
        typeof word === 'string' ? { type: 'digest', digest: word } : word,
      ),
    asked: () => {
      const last = asked;
      asked = [];
      return last;
    },
  };
}
