import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../cluster/lab.ts';
import { sharedLab } from '../cluster/shared-lab.ts';

const crd = join(import.meta.dirname, '../../crds/imagecache.yaml');

/** The lab of this run, with the CRD and these namespaces. */
export async function preparedLab(...namespaces: readonly string[]): Promise<Lab> {
  const lab = await sharedLab();
  await lab.ask('apply', '--server-side', '-f', crd);
  for (const name of namespaces) await lab.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  return lab;
}

/**
 * Removes what other tests have pulled to both nodes: with 50 images or more the list of a Node may be truncated, and it is not
 * known of an image that is missing there whether the node has it. An image without names is listed by its id.
 */
export async function removeOtherImages(lab: Lab): Promise<void> {
  const removeFrom = async (node: number): Promise<void> => {
    const listed = (await lab.node(node, 'ctr', '-n', 'k8s.io', 'images', 'ls', '-q')).split('\n');
    const names = listed.filter((name) => registriesOfTests.test(name));
    if (names.length > 0) await lab.node(node, 'ctr', '-n', 'k8s.io', 'images', 'rm', '--sync', ...names);
  };
  await Promise.all([1, 2].map(removeFrom));
}

/** By name, by the address of the machine, or as the id of an image. */
const registriesOfTests = /^([a-z]+\.local:|172\.30\.0\.1:|sha256:)/;

type Cache = { readonly namespace: string; readonly name: string };
type Expected<Status> = {
  /** The awaited state, for the error message. */
  readonly what: string;
  readonly holds: (status: Status) => boolean;
  /** Extracts the relevant part of the object; throws if it is invalid. */
  readonly parse: (cache: unknown) => Status | undefined;
  readonly seconds?: number;
};

/** Waits for a status of a cache, and retries if the API server does not answer. */
export async function statusOnce<Status>(
  lab: Lab,
  { namespace, name }: Cache,
  { what, holds, parse, seconds = 180 }: Expected<Status>,
): Promise<Status> {
  const end = Date.now() + seconds * 1000;
  let json: string | undefined;
  while (Date.now() < end) {
    json = await lab.ask('get', 'ic', name, '-n', namespace, '-o', 'json').catch(() => undefined);
    const status = json === undefined ? undefined : parse(JSON.parse(json));
    if (status !== undefined && holds(status)) return status;
    await sleep(250);
  }
  throw new Error(`not in ${seconds} s: ${what}; it is ${json ?? 'unknown, as the API server does not answer'}`);
}
