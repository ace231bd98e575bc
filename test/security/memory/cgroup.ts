import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A control group whose processes get a limited amount of memory, as a container does. */
export type Cgroup = {
  /** A command that runs another one in it. */
  readonly by: readonly string[];
  /** Bytes in use, without what the kernel could take back. */
  readonly used: () => Promise<number>;
  /** Bytes that count against the limit, with the files and kernel buffers in it. */
  readonly charged: () => Promise<number>;
  readonly remove: () => void;
};

const root = '/sys/fs/cgroup';

/** Creates one of version 1 or 2; undefined where this process may not. */
export function createCgroup(name: string, limit: number): Cgroup | undefined {
  const isV2 = existsSync(join(root, 'cgroup.controllers'));
  const folder = join(root, isV2 ? '' : 'memory', name);
  try {
    mkdirSync(folder);
    writeFileSync(join(folder, isV2 ? 'memory.max' : 'memory.limit_in_bytes'), String(limit));
  } catch {
    return undefined;
  }
  const counted = isV2 ? 'anon' : 'rss';
  return {
    by: ['sh', '-c', `echo $$ > ${folder}/cgroup.procs; exec "$@"`, 'sh'],
    used: async () => {
      const stat = await readFile(join(folder, 'memory.stat'), 'utf8');
      return Number(new RegExp(`^${counted} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0);
    },
    charged: async () =>
      Number(await readFile(join(folder, isV2 ? 'memory.current' : 'memory.usage_in_bytes'), 'utf8')),
    remove: () => rmdirSync(folder),
  };
}
