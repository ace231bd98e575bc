import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Architecture } from './blob.ts';
import { image, imageIndex, type Artifact } from './image.ts';
import { layer } from './layer.ts';

const programs = join(import.meta.dirname, '../../noop');

const noopFor = async (architecture: Architecture): Promise<Artifact> => {
  const content = await readFile(join(programs, `noop-${architecture}`));
  const program = await layer([{ path: 'noop', mode: 0o755, content }]);
  return image(architecture, [program], { User: '65532:65532', Entrypoint: ['/noop'], WorkingDir: '/' });
};

/** The image that every pull Job runs: one program of a kB, for each architecture; the same digest wherever it is made. */
export const noopImage = async (): Promise<Artifact> => imageIndex([await noopFor('amd64'), await noopFor('arm64')]);
