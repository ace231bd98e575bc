import type { AnonymousPull } from '#model/cache/image-answers.ts';
import { normalisedReference } from '#model/text/image-reference.ts';
import type { Context } from '#runtime/handler.ts';

type Answer = Awaited<ReturnType<Context['registry']['digest']>>;
type Request = { readonly reference: string; readonly usernames: readonly string[] };

export type InMemoryRegistry = Context['registry'] & {
  /** What a reference resolves to from now on, a digest where it is a text; until then it is unknown. */
  readonly resolve: (reference: string, answer: Answer | string | Promise<Answer>) => void;
  /** What it answers to requests without credentials from now on; until then nothing. */
  readonly allow: (reference: string, answer: AnonymousPull) => void;
  /** References asked for since this was last called, and the logins given for each. */
  readonly newRequests: () => readonly Request[];
};

/** A registry in memory, for tests of code that is given a `Context`. */
export function inMemoryRegistry(): InMemoryRegistry {
  const answers = new Map<string, Answer | Promise<Answer>>();
  const anonymousPulls = new Map<string, AnonymousPull>();
  let requests: Request[] = [];
  return {
    digest: async (reference, keyring = []) => {
      requests.push({ reference, usernames: keyring.map(({ username }) => username) });
      return answers.get(normalisedReference(reference)) ?? { type: 'unknown', reason: 'it is silent' };
    },
    anonymousPull: (reference) => Promise.resolve(anonymousPulls.get(normalisedReference(reference))),
    allow: (reference, answer) => void anonymousPulls.set(normalisedReference(reference), answer),
    resolve: (reference, answer) =>
      void answers.set(
        normalisedReference(reference),
        typeof answer === 'string' ? { type: 'digest', digest: answer } : answer,
      ),
    newRequests: () => {
      const since = requests;
      requests = [];
      return since;
    },
  };
}
