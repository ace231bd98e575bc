import { join } from 'node:path';
import type { Lab } from '../../cluster/lab.ts';
import { runWell } from '../../cluster/run.ts';
import { commandsOn } from '../../docs/commands.ts';
import { productImage } from '../../e2e/product-image.ts';
import { runCommands } from './kn-commands.ts';

const root = join(import.meta.dirname, '../../..');
const install = join(root, 'test/cluster/knative/install');

/** In milliseconds; the first run builds Knative. */
const timeout = 1_500_000;

/** The two kinds of event sources, as the folders of their manifests. */
export type Way = 'our-source' | 'knative-sources';

/** The namespace in the manifests. */
export const namespace = 'kube-fledged';

/** Installs Knative on a lab with real nodes unless an earlier file has, with a short delay of scaling to zero, and the CRD and images. */
export async function installKnative(lab: Lab): Promise<void> {
  await lab.ask('apply', '--server-side', '-f', join(root, 'crds/imagecache.yaml'));
  if ((await lab.kubectl('get', 'namespace', 'knative-serving')).code === 0) return;
  await runWell(install, ['eventing', 'serving'], { env: { ...process.env, LAB: join(lab.logs, '..') }, timeout });
  const soon = { data: { 'stable-window': '15s', 'scale-to-zero-grace-period': '6s' } };
  await lab.ask('-n', 'knative-serving', 'patch', 'configmap', 'config-autoscaler', '-p', JSON.stringify(soon));
  await productImage(lab, 'functions');
  await productImage(lab, 'noop');
}

/** The manifests with images from the lab's registry. */
export async function manifests(lab: Lab, way: Way): Promise<string> {
  return imagesOfLab(await lab.ask('kustomize', join(root, 'deploy/knative', way)));
}

/** Replaces image names in a text by those in the lab's registry. */
export const imagesOfLab = (text: string): string =>
  text
    .replaceAll(/registry\.example\.com|(?<!\w)REGISTRY(?!\w)/g, 'registry.local:5000')
    .replace(/gcr\.io\/knative-releases\/\S*event_display/, 'registry.local:5000/knative/eventing-event_display:lab');

/** The command with the lab's registry instead of the placeholder, also for the image that prints dead letters. */
const withImagesOfLab = (script: string): string =>
  imagesOfLab(script).replace(' | kubectl', ` | sed '${deadLetters}' | kubectl`);
const deadLetters =
  's,gcr.io/knative-releases/[^"]*event_display,registry.local:5000/knative/eventing-event_display:lab,';

/** The manifests of the event sources. */
export async function sources(lab: Lab, way: Way): Promise<readonly string[]> {
  const kinds = /^kind: (?:Deployment|SinkBinding|ApiServerSource|PingSource)$/m;
  return (await manifests(lab, way)).split(/^---$/m).filter((document) => kinds.test(document));
}

/** Applies everything by the documented command, and resolves when the four functions and their event sources are Ready. */
export async function deploy(lab: Lab, way: Way): Promise<void> {
  const command = commandsOn('knative').find(({ text }) => text.includes(`deploy/knative/${way} `));
  if (command === undefined) throw new Error(`no page says how to install ${way}`);
  await runCommands(lab, withImagesOfLab(command.script));
  const kinds = 'services.serving.knative.dev,brokers,triggers';
  await lab.ask('-n', namespace, 'wait', '--for=condition=Ready', kinds, '--all', '--timeout=110s');
}

/** Deletes all of it. */
export async function undeploy(lab: Lab, way: Way): Promise<void> {
  const { code, stderr } = await lab.kubectlWith(
    await manifests(lab, way),
    ...['delete', '--ignore-not-found', '--timeout=100s', '-f', '-'],
  );
  if (code === 0) return;
  const left = await lab.kubectl('get', 'namespace', namespace, '--ignore-not-found', '-o', 'jsonpath={.status}');
  const pods = await lab.kubectl('-n', namespace, 'get', 'pods', '-o', 'wide');
  throw new Error(`the manifests could not be taken away: ${stderr}${left.stdout}\n${pods.stdout}`);
}
