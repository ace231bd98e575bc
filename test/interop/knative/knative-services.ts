import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { text } from 'node:stream/consumers';
import { eventually } from '../../behaviour/eventually.ts';
import type { Lab } from '../../cluster/lab.ts';
import { runWell } from '../../cluster/run.ts';

export const namespace = 'images-knative';

/** A start from zero. */
export type Started = {
  /** HTTP status of the answer; 0 if there was none. */
  readonly code: number;
  readonly seconds: number;
  /** Reasons of the Events of the Pod that was started for the request. */
  readonly reasons: readonly string[];
};

export type Start = { readonly registry: 'on' | 'off'; readonly isCached?: true };

type Event = { readonly reason: string; readonly involvedObject: { readonly kind: string; readonly name: string } };

/** Seconds that a client waits for an answer. */
const patience = 15;

/** Services of Knative with images that no node has, which answer /healthz with 204. */
export function knativeServices(lab: Lab) {
  const ask = (...args: readonly string[]): Promise<string> => lab.ask('-n', namespace, ...args);
  const podsOf = (name: string, path: string): Promise<string> =>
    ask('get', 'pods', '-l', `serving.knative.dev/service=${name}`, '-o', `jsonpath={.items[*].${path}}`);
  const asleep = async (name: string): Promise<void> => {
    const isAtZero = async (): Promise<boolean> => (await podsOf(name, 'metadata.name')) === '';
    await eventually(`${name} is at zero`, async () => (await isAtZero()) || sleep(1000, false), 240);
  };

  const deploy = async (name: string, version = 1): Promise<string> => {
    const image = await newImage(lab, `${name}-${version}`);
    const spec = { template: { spec: { containers: [{ image, imagePullPolicy: 'IfNotPresent' }] } } };
    await lab.apply({ apiVersion: 'serving.knative.dev/v1', kind: 'Service', metadata: { name, namespace }, spec });
    const revision = `${name}-0000${version}`;
    await eventually(
      `${revision} is made`,
      async () => (await lab.kubectl('-n', namespace, 'get', 'revision', revision)).code === 0,
      60,
    );
    await ask('wait', '--for=condition=Ready', `revision/${revision}`, `ksvc/${name}`, '--timeout=110s');
    return image;
  };
  const imagesReady = async (name: string): Promise<void> => {
    const selector = `serving.knative.dev/service=${name}`;
    await ask('wait', 'images.caching.internal.knative.dev', '-l', selector, '--for=condition=Ready', '--timeout=110s');
    const path = "jsonpath={.items[*].status.conditions[?(@.type=='Ready')].message}";
    const conditions = await ask('get', 'images.caching.internal.knative.dev', '-l', selector, '-o', path);
    if (!/^(on 2 of 2 nodes ?)+$/.test(conditions)) throw new Error(`the Images of ${name} report: ${conditions}`);
  };
  const events = async (): Promise<readonly Event[]> => {
    const { items } = JSON.parse(await ask('get', 'events', '-o', 'json')) as { items: readonly Event[] };
    return items.filter(({ involvedObject }) => involvedObject.kind === 'Pod');
  };
  const podsBefore = async (): Promise<ReadonlySet<string>> =>
    new Set((await events()).map(({ involvedObject }) => involvedObject.name));

  /** Ends what `started` changed in the lab, and waits until registry and nodes are as they were. */
  const restore = async (): Promise<void> => {
    await lab.repair();
    for (const node of ['node1', 'node2']) await lab.ask('uncordon', node);
  };
  return {
    deploy,
    asleep,
    imagesReady,
    restore,
    /** Lets a Service run once, sleep, and start on the other node. */
    started: async (name: string, { registry, isCached }: Start): Promise<Started> => {
      await deploy(name);
      const node = await podsOf(name, 'spec.nodeName');
      if (isCached === true) await imagesReady(name);
      await asleep(name);
      const before = await podsBefore();
      await lab.ask('cordon', node);
      if (registry === 'off') await lab.killDaemon('registry');
      const answer = await request(lab, name);
      const after = (await events()).filter(
        ({ involvedObject }) => !before.has(involvedObject.name) && involvedObject.name.startsWith(`${name}-`),
      );
      await ask('delete', 'ksvc', name);
      return { ...answer, reasons: [...new Set(after.map(({ reason }) => reason))] };
    },
    deleteAll: async (): Promise<void> => {
      await ask('delete', 'ksvc', '--all', '--timeout=60s');
    },
    end: async (): Promise<void> => {
      await restore();
      await lab.ask('delete', 'namespace', namespace, '--ignore-not-found', '--wait=false');
    },
  };
}

/** An image of its own digest, by which nodes do not have it: a program that answers, and 16 MiB that no other image has. */
async function newImage(lab: Lab, name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'service-image-'));
  const output = async (...args: readonly string[]): Promise<string> => {
    const crane = lab.enter('crane', args, { stdio: ['ignore', 'pipe', 'ignore'] });
    return crane.stdout === null ? '' : (await text(crane.stdout)).trim();
  };
  try {
    await writeFile(join(folder, 'data'), randomBytes(16 * 1024 * 1024));
    await runWell('tar', ['-C', folder, '-cf', join(folder, 'layer.tar'), 'data']);
    const base = '127.0.0.1:5000/knative/eventing-event_display:lab';
    const image = `127.0.0.1:5000/service-${name}:1`;
    await output('append', '--insecure', '-b', base, '-f', join(folder, 'layer.tar'), '-t', image);
    const digest = await output('digest', '--insecure', image);
    if (!digest.startsWith('sha256:')) throw new Error(`${image} was not pushed`);
    return `registry.local:5000/service-${name}@${digest}`;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Sends a request through the gateway. */
async function request(lab: Lab, name: string): Promise<Pick<Started, 'code' | 'seconds'>> {
  const port = await lab.ask(
    '-n',
    'kourier-system',
    'get',
    'service',
    'kourier',
    '-o',
    'jsonpath={.spec.ports[0].nodePort}',
  );
  const host = `${name}.${namespace}.lab.test`;
  const url = `http://172.30.0.11:${port}/healthz`;
  const format = '%{http_code} %{time_total}';
  const args = ['-s', '-o', '/dev/null', '-m', String(patience), '-w', format, '-H', `Host: ${host}`, url];
  const curl = lab.enter('curl', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const [code = '0', seconds = '0'] = curl.stdout === null ? [] : (await text(curl.stdout)).split(' ');
  return { code: Number(code), seconds: Number(seconds) };
}
