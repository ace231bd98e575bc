import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Paths of all files under version control, relative to the root. */
export const trackedFiles = async (root: string): Promise<readonly string[]> => {
  const { stdout } = await promisify(execFile)('git', ['ls-files', '-z'], { cwd: root, maxBuffer: 2 ** 26 });
  return stdout.split('\0').filter((path) => path !== '');
};
