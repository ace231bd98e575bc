import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { bundle, programs } from '../../../deploy/tools/images/bundle.ts';

export type OpenFaasPrograms = { readonly folder: string; readonly remove: () => Promise<void> };

/** The programs of a function and of the source, bundled as in the image. */
export async function openFaasPrograms(): Promise<OpenFaasPrograms> {
  const folder = await mkdtemp(join(tmpdir(), 'imagecache-openfaas-'));
  const { main, functions, sources } = programs;
  for (const { path, content = '' } of await bundle({ main, functions, sources }))
    await writeFile(join(folder, basename(path)), content);
  return { folder, remove: () => rm(folder, { recursive: true }) };
}
