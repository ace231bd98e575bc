/** What the image runs when nothing else is asked of it. FUNCTION alone makes it one function, as OpenFaaS can set the environment and no arguments. */
import { program } from './program.ts';

await (program() === 'function' ? import('../../functions/main.ts') : import('./main.ts'));
