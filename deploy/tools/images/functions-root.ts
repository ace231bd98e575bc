import { bundle, crdFile, programs } from './bundle.ts';
import { compileCache } from './compile-cache.ts';
import { nodeRuntime } from './node-runtime.ts';
import type { Runtime } from './runtime.ts';
import { statusPageFiles } from './status-page-files.ts';
import type { Entry } from './tar.ts';

/** The files of the functions image, by layer: Node changes seldom, the programs with each version, and what is compiled of them with the processor. */
export type FunctionsRoot = {
  readonly runtime: readonly Entry[];
  readonly app: readonly Entry[];
  readonly cache: readonly Entry[];
};

/** Where a runtime is not this machine's, nothing can be compiled ahead for it: the image works without, and starts a little slower. */
export const functionsRoot = async (runtime: Runtime): Promise<FunctionsRoot> => {
  // Before the large layer: what can fail comes first.
  const app = [...(await bundle(programs)), ...(await statusPageFiles()), await crdFile()];
  return {
    runtime: await nodeRuntime(runtime),
    app,
    cache: runtime.isHost ? await compileCache(app, runtime.node) : [],
  };
};
