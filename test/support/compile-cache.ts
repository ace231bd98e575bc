import { tmpdir } from 'node:os';
import { join } from 'node:path';

const options = process.env['NODE_OPTIONS'] ?? '';

/**
 * For the environment of processes of the tests: they share what Node compiles, which is a third of the time in which they start, and
 * load the Kubernetes client from one file where this process does.
 */
export const compileCache = {
  NODE_COMPILE_CACHE: join(tmpdir(), 'imagecache-functions-compiled'),
  ...(options.includes('load-one-file.mjs') ? { NODE_OPTIONS: options } : {}),
};
