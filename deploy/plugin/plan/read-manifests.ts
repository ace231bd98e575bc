import * as z from 'zod/mini';
import { apiVersion, imageCacheKind } from '#model/cache/api.ts';
import { UsageError } from '../command.ts';
import { type FileObject, readObjects } from '../read-objects.ts';

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

/** Reads the ImageCaches in files, `-` being standard input, and ignores other kinds. Throws `UsageError` if a file is invalid. */
export async function readManifests(
  files: readonly string[],
  input: () => Promise<string>,
): Promise<readonly Manifest[]> {
  const found = (await readObjects(files, input)).filter(({ kind }) => kind === imageCacheKind).map(parsed);
  if (found.length === 0) throw new UsageError(`no ImageCache in ${files.join(', ')}`);
  return found;
}

function parsed({ file, value }: FileObject): Manifest {
  const read = manifest.safeParse(value);
  if (read.success) return read.data;
  const { path, message } = read.error.issues[0] ?? { path: [], message: '' };
  throw new UsageError(`${file}: ${path.join('.')} of an ImageCache: ${message}`);
}
