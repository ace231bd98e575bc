import { productProgram } from '../support/product-programs.ts';
import { withLab } from './bench-lab.ts';
import type { SourceLag } from './results.ts';
import { churn, type ChurnSize } from './source/churn.ts';
import { eventSink, measuredListener, type Pace } from './source/measured-listener.ts';
import { knativeAdapter, type Listener, ourSource } from './source/listeners.ts';

export type LagOrder = ChurnSize & { readonly nodes: number; readonly pace: Pace };

/** The time from a change of a Job to the event that reports it, among many Jobs and nodes; also of Knative's adapter if it has been built. */
export async function sourceLag({ nodes, pace, ...size }: LagOrder): Promise<SourceLag[]> {
  const program = await productProgram('sources');
  const measured = [await measure((kubeconfig, sink) => ourSource(program, kubeconfig, sink))];
  if (knativeAdapter('', '') !== undefined) measured.push(await measure(knativeAdapter));
  return measured.filter((each) => each !== undefined);

  /** Each has its own cluster, because the Jobs left by one would be load for the other. */
  function measure(
    listener: (kubeconfig: string, sink: string) => Listener | undefined,
  ): Promise<SourceLag | undefined> {
    return withLab(nodes, async ({ lab, api }) => {
      const sink = await eventSink();
      try {
        const chosen = listener(lab.kubeconfig, sink.url);
        if (chosen === undefined) return undefined;
        const jobs = churn(api, size);
        await jobs.fill();
        return { nodes, ...size, ...(await measuredListener(chosen, { sink, jobs, pace })) };
      } finally {
        await sink.close();
      }
    });
  }
}
