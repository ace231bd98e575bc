import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../../cluster/lab.ts';
import { eventually } from '../../behaviour/eventually.ts';
import type { Product, Start } from '../../behaviour/product.ts';
import { namespace, sources, type Way } from './install-knative.ts';
import type { PodLogs } from './pod-logs.ts';

const isCalm = (line: string): boolean => /^\{"level":"(trace|debug|info|warn)"/.test(line);

/** The environment variable of a flag. */
const variable = (flag: string): readonly [string, string] => {
  const [name = '', value = ''] = flag.replace(/^--/, '').split('=');
  return [name.replaceAll('-', '_').toUpperCase(), value];
};

/** Ticks of PingSource once a minute would make the test take half an hour. */
const everyTenSeconds = '*/10 * * * * *';

/** The product as deployed on Knative: starting it starts the sources of events, as functions are started on demand. `schedule` is PingSource's. */
export function productOnKnative(lab: Lab, way: Way, logs: PodLogs, schedule = everyTenSeconds): Product {
  let told: Readonly<Record<string, string>> = {};
  let since = 0;
  const ask = (...args: readonly string[]): Promise<string> => lab.ask('-n', namespace, ...args);

  const stop = async (): Promise<number> => {
    if (way === 'our-source') await ask('scale', 'deployment/imagecache-source', '--replicas=0');
    else await ask('delete', 'apiserversources,pingsources', '--all', '--timeout=60s');
    await untilNothingSends(lab);
    return 0;
  };
  return {
    start: async ({ env = {}, flags = [] }: Start = {}) => {
      since = logs.lines().length;
      const wanted = { ...env, ...Object.fromEntries(flags.map(variable)) };
      if (JSON.stringify(wanted) !== JSON.stringify(told)) await tell(lab, told, wanted);
      told = wanted;
      for (const document of await sources(lab, way)) await lab.apply(pinging(document, schedule));
      const [kind, condition] =
        way === 'our-source' ? ['deployments', 'Available'] : ['apiserversources,pingsources', 'Ready'];
      await ask(
        'wait',
        `--for=condition=${condition}`,
        kind,
        '-l',
        'app.kubernetes.io/name=imagecache-functions',
        '--timeout=100s',
      );
    },
    stop,
    // None of it has state that a kill could destroy.
    kill: async () => {
      await stop();
    },
    tick: () => Promise.reject(new Error('the tick comes of itself here')),
    pid: () => {
      throw new Error('the product is many processes here');
    },
    log: logs.lines,
    complaints: (from = since) =>
      logs
        .lines()
        .slice(from)
        .filter((line) => !isCalm(line)),
  };
}

function pinging(document: string, schedule: string): string {
  if (!document.includes('kind: PingSource')) return document;
  const told = document.replace(/^ {2}schedule: .*$/m, `  schedule: '${schedule}'`);
  if (!told.includes(schedule)) throw new Error('the PingSource has no schedule');
  return told;
}

/** Polled once a second, as each poll starts a process. */
async function untilNothingSends(lab: Lab): Promise<void> {
  await eventually('no source of events is left', async () => {
    const pods = await lab.ask('-n', namespace, 'get', 'pods', '-o', 'name');
    return /pod\/(imagecache-source|apiserversource)-/.test(pods) ? sleep(1000, false) : true;
  });
}

/** Settings are read at start, so this changes them and deletes Pods that run with the old ones. */
async function tell(
  lab: Lab,
  before: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
): Promise<void> {
  const data = { ...Object.fromEntries(Object.keys(before).map((name) => [name, null])), ...now };
  const ask = (...args: readonly string[]): Promise<string> => lab.ask('-n', namespace, ...args);
  await ask('patch', 'configmap/imagecache-functions', '--type=merge', '-p', JSON.stringify({ data }));
  // Nothing sends events now, so they have no work to finish.
  await ask('delete', 'pods', '-l', 'serving.knative.dev/service', '--grace-period=1', '--timeout=100s');
}
