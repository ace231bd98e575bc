import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Lab } from '../../cluster/lab.ts';

const root = join(import.meta.dirname, '../../..');
const optIn = join(root, 'deploy/kubectl/knative-images.yaml');

/** The standalone process in Pods of the lab, by the manifests with their rights and policies, with the Images of Knative turned on. */
export function standaloneOnNodes(lab: Lab) {
  const ask = (...args: readonly string[]): Promise<string> => lab.ask('-n', 'kube-fledged', ...args);
  const manifests = async (): Promise<string> => {
    const text = await lab.ask('kustomize', join(root, 'deploy/kubectl'));
    return text.replaceAll('ghcr.io/imagecache-functions', 'registry.local:5000');
  };
  return {
    install: async (): Promise<void> => {
      await lab.apply(await manifests());
      await lab.apply(await readFile(optIn, 'utf8'));
      // Ticks delete caches and enforce times: once a minute would make the test take long.
      const settings = ['KNATIVE_IMAGES=*', 'TICK_SCHEDULE=*/10 * * * * *'];
      await ask('set', 'env', 'deployment/imagecache-functions', ...settings);
      await ask('rollout', 'status', 'deployment/imagecache-functions', '--timeout=110s');
    },
    remove: async (): Promise<void> => {
      const documents = (await manifests()).split(/^---$/m);
      const ours = documents.filter((each) => !/^kind: CustomResourceDefinition$/m.test(each)).join('---\n');
      const gone = ['delete', '--ignore-not-found', '--timeout=100s', '-f', '-'];
      await lab.kubectlWith(ours, ...gone);
      await lab.kubectlWith(await readFile(optIn, 'utf8'), ...gone);
      // Last, as the process makes caches anew.
      await lab.kubectl('delete', 'imagecaches', '-A', '--all', '--timeout=60s');
    },
  };
}
