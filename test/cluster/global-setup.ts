import type { TestProject } from 'vitest/node';
import { keptPackages } from '../../deploy/tools/images/runtime/debian-libraries.ts';
import { hostArchitecture } from '../../deploy/tools/images/runtime/node-runtime.ts';
import type { LabPlace } from './lab-script.ts';
import { startLab, type LabOptions } from './lab.ts';

declare module 'vitest' {
  // eslint-disable-next-line @typescript-eslint/consistent-type-definitions -- only an interface can be added to
  export interface ProvidedContext {
    lab: LabPlace;
  }
}

const optionsOf = (project: string): LabOptions => {
  if (project === 'nodes' || project === 'knative') return { nodes: 2 };
  return process.env['CONTROL_PLANE'] === 'oldest' ? { controlPlane: 'oldest' } : {};
};

/** One lab for all files of a vitest project, stopped after the last. CONTROL_PLANE=oldest runs the cluster project on the oldest Kubernetes. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const options = optionsOf(project.name);
  // Tests build the product's images in the lab's network, which has no way out.
  if (options.nodes !== undefined) await keptPackages(hostArchitecture());
  const lab = await startLab(options);
  project.provide('lab', lab.place);
  return lab.stop;
}
