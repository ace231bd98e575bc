import { readFile } from 'node:fs/promises';
import { parseAllDocuments } from 'yaml';
import * as z from 'zod/mini';
import { apiVersion, imageCacheKind } from '#model/cache/api.ts';
import { UsageError } from '../command.ts';

/** An ImageCache of a file. The API server validates its spec. */
export type Manifest = z.infer<typeof manifest>;

const manifest = z.looseObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal(imageCacheKind),
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.optional(z.string()),
    labels: z.optional(z.record(z.string(), z.string())),
    annotations: z.optional(z.record(z.string(), z.string())),
  }),
});

const kind = z.looseObject({ kind: z.string(), items: z.optional(z.array(z.unknown())) });

/** Reads the ImageCaches in files, `-` being standard input, and ignores other kinds. Throws `UsageError` if a file is invalid. */
export async function readManifests(
  files: readonly string[],
  input: () => Promise<string>,
): Promise<readonly Manifest[]> {
  const found: Manifest[] = [];
  for (const file of files)
    found.push(...manifestsIn(await readText(file, input), file === '-' ? 'standard input' : file));
  if (found.length === 0) throw new UsageError(`no ImageCache in ${files.join(', ')}`);
  return found;
}

async function readText(file: string, input: () => Promise<string>): Promise<string> {
  if (file === '-') return input();
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new UsageError(`the path "${file}" cannot be read: ${reason}`);
  }
}

function manifestsIn(text: string, file: string): readonly Manifest[] {
  const documents = parseAllDocuments(text);
  return [documents].flat().flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new UsageError(`${file}: ${error.message.split('\n')[0] ?? ''}`);
    return imageCachesIn(document.toJS(), file);
  });
}

function imageCachesIn(value: unknown, file: string): readonly Manifest[] {
  if (value === null || value === undefined) return [];
  const object = kind.safeParse(value);
  if (!object.success) throw new UsageError(`${file} contains an object without a kind`);
  if (object.data.items !== undefined) return object.data.items.flatMap((item) => imageCachesIn(item, file));
  if (object.data.kind !== imageCacheKind) return [];
  const read = manifest.safeParse(value);
  if (read.success) return [read.data];
  const { path, message } = read.error.issues[0] ?? { path: [], message: '' };
  throw new UsageError(`${file}: ${path.join('.')} of an ImageCache: ${message}`);
}
