/** For deploy/Dockerfile: writes the files of the functions image for this machine's architecture to FOLDER/runtime, FOLDER/app and FOLDER/cache. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { functionsRoot } from './functions-image.ts';
import { hostArchitecture, runtimeFor } from './runtime/node-runtime.ts';

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: node deploy/tools/images/root.ts FOLDER');
for (const [layer, entries] of Object.entries(await functionsRoot(await runtimeFor(hostArchitecture()))))
  for (const { path, mode, content } of entries) {
    const file = join(folder, layer, path);
    await mkdir(content === undefined ? file : dirname(file), { recursive: true });
    if (content !== undefined) await writeFile(file, content);
    await chmod(file, mode);
  }
