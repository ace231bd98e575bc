import { setTimeout as sleep } from 'node:timers/promises';
import type { Api } from '#runtime/api/api.ts';
import { createApi } from '#runtime/api/create-api.ts';
import { installCrd } from '../behaviour/lab-under-test.ts';
import { kube, type Kube } from '../behaviour/kube.ts';
import type { ApiWrites } from '../cluster/api-writes.ts';
import { startLab, type StartedLab } from '../cluster/lab.ts';

/** A control plane for a bench, with simulated nodes and the CRD. */
export type BenchLab = {
  readonly lab: StartedLab;
  readonly api: Api;
  /** The verbs in the namespace `default`. */
  readonly kube: Kube;
  /** The writes so far, after 3 s without any: Events of a round arrive seconds after its end. */
  readonly settledWrites: () => Promise<ApiWrites>;
};

/** Runs a bench on a new control plane with this many Ready nodes, and stops it afterwards. */
export async function withLab<T>(nodes: number, bench: (lab: BenchLab) => Promise<T>): Promise<T> {
  const lab = await startLab();
  try {
    await installCrd(lab);
    await lab.simulate(nodes);
    const api = createApi({ kubeconfig: lab.kubeconfig, master: '', inCluster: false });
    try {
      await api.request({ method: 'GET', path: '/apis/kubefledged.io/v1alpha2/imagecaches' }); // retried until the CRD is served
      return await bench({ lab, api, kube: kube(api, 'default'), settledWrites: () => settledWrites(lab) });
    } finally {
      api.close();
    }
  } finally {
    await lab.stop();
  }
}

async function settledWrites(lab: StartedLab): Promise<ApiWrites> {
  for (let before = await lab.apiWrites(), tries = 0; tries < 40; tries += 1) {
    await sleep(3000);
    const after = await lab.apiWrites();
    if (after.total === before.total) return after;
    before = after;
  }
  throw new Error('the API writes did not settle');
}
