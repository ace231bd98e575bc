/** `npm run plugin`: bundles the plugin into one file that can be copied to the PATH, and writes the one by which kubectl completes it. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundle } from '../tools/images/bundle.ts';
import { asProgram } from './as-program.ts';
import { completionProgram } from './completion/completion.ts';

const folder = join(import.meta.dirname, '../../dist');
const file = join(folder, 'kubectl-imagecache');

const [program, ...more] = (await bundle({ 'kubectl-imagecache': 'deploy/plugin/main.ts' })).filter(({ path }) =>
  path.endsWith('.mjs'),
);
if (program?.content === undefined || more.length > 0) throw new Error('the bundle is not a single file');
await mkdir(folder, { recursive: true });
await writeFile(file, asProgram(program.content.toString('utf8')));
const completions = join(folder, 'kubectl_complete-imagecache');
await writeFile(completions, completionProgram);
for (const each of [file, completions]) await chmod(each, 0o755);
process.stdout.write(`${file}\n`);
