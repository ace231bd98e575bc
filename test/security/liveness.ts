import { setTimeout as pause } from 'node:timers/promises';
import { statusOf } from './status-of.ts';

export type Probe = {
  /** Milliseconds from the end of a probe to the next. */
  readonly period: number;
  /** Milliseconds. */
  readonly timeout: number;
  readonly failureThreshold: number;
};

export type Liveness = { readonly held: boolean; readonly detail: string };

/** The kubelet's defaults, which the chart keeps. */
const livenessProbe: Probe = { period: 10_000, timeout: 1000, failureThreshold: 3 };

/**
 * Whether the kubelet would leave the process behind a port running: a slow machine may miss a probe while a load is worked off.
 * A process that does not listen has ended, even if something restarts it before the next probe.
 */
export async function liveness(port: number, probe: Probe = livenessProbe): Promise<Liveness> {
  const { period, timeout, failureThreshold } = probe;
  for (let failures = 0; ;) {
    const result = await statusOf(port, { path: '/_/health', timeout }).catch((error: unknown) => String(error));
    if (result === 200) return { held: true, detail: 'probes are answered' };
    failures += 1;
    if (failures === failureThreshold || String(result).includes('ECONNREFUSED'))
      return { held: false, detail: `no probe is answered any more: ${result}` };
    await pause(period);
  }
}
