import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assetFolder, assetTypes } from '../../../sources/status-page/assets.ts';
import type { Entry } from './tar.ts';

/** What the status page is made of, where its program looks for it in the image. */
export const statusPageFiles = async (): Promise<readonly Entry[]> =>
  Promise.all(
    Object.keys(assetTypes).map(async (name) => ({
      path: `app/assets/${name}`,
      mode: 0o644,
      content: await readFile(join(assetFolder, name)),
    })),
  );
