import type { Api } from '#runtime/api/api.ts';
import { paths } from '#runtime/api/paths.ts';
import { ApiError } from '#runtime/errors.ts';

/** Nodes whose kubelets are asked at most, and how many at once. */
const maxNodes = 100;
const atOnce = 8;

type Question<Answer> = {
  /** Of the kubelet's own API, such as `stats/summary`. */
  readonly path: string;
  /** Undefined for an answer that says nothing. */
  readonly parse: (answer: unknown) => Answer | undefined;
};

/**
 * What kubelets answer, by node. This asks for nodes/proxy, which few users may. Nodes that do not answer, and all if it is
 * forbidden, are absent.
 */
export async function askKubelets<Answer>(
  api: Api,
  names: readonly string[],
  question: Question<Answer>,
): Promise<ReadonlyMap<string, Answer>> {
  const answers = new Map<string, Answer>();
  const left = names.slice(0, maxNodes);
  let isForbidden = false;
  const ask = async (): Promise<void> => {
    for (let name = left.shift(); name !== undefined && !isForbidden; name = left.shift()) {
      const answer = await answerOf(api, name, question);
      if (answer === 'forbidden') isForbidden = true;
      else if (answer !== undefined) answers.set(name, answer.value);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, ask));
  return answers;
}

async function answerOf<Answer>(
  api: Api,
  name: string,
  { path, parse }: Question<Answer>,
): Promise<'forbidden' | { readonly value: Answer } | undefined> {
  try {
    const value = parse(await api.request({ method: 'GET', path: `${paths.node(name)}/proxy/${path}` }));
    return value === undefined ? undefined : { value };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return error.status === 403 ? 'forbidden' : undefined;
  }
}
