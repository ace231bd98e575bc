import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Processes of the tests share what Node compiles, which is a third of the time in which they start. */
export const compileCache = { NODE_COMPILE_CACHE: join(tmpdir(), 'imagecache-functions-compiled') } as const;
