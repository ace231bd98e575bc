/** The default program of the image. FUNCTION selects a single function, because OpenFaaS sets the environment but no arguments. */
import { program } from './program.ts';

await (program() === 'function' ? import('../../functions/main.ts') : import('./main.ts'));
