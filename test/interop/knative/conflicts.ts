import type { Lab } from '../../cluster/lab.ts';

/** The number of conflicts so far: writes to an outdated version of a cache. */
export async function conflicts(lab: Lab): Promise<number> {
  return conflictsIn(await lab.ask('get', '--raw', '/metrics'));
}

export function conflictsIn(metrics: string): number {
  const lines = metrics.match(/^apiserver_request_total\{.*\} \S+$/gm) ?? [];
  return lines
    .filter((line) => line.includes('code="409"') && line.includes('resource="imagecaches"'))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}
