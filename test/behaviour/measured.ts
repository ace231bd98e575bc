import { readFile } from 'node:fs/promises';

/** What the kernel counts of a process. */
export type Counted = {
  /** The most memory it ever held, in MB. */
  readonly peakMegabytes: number;
  /** Bytes that it has read, from sockets and files. */
  readonly bytesRead: number;
};

/** What a running process has used since its start (Linux). */
export async function counted(pid: number): Promise<Counted> {
  const [status, io] = await Promise.all([
    readFile(`/proc/${pid}/status`, 'utf8'),
    readFile(`/proc/${pid}/io`, 'utf8'),
  ]);
  return {
    peakMegabytes: numberIn(status, /^VmHWM:\s+(\d+) kB/m) / 1024,
    bytesRead: numberIn(io, /^rchar: (\d+)/m),
  };
}

function numberIn(text: string, pattern: RegExp): number {
  const found = pattern.exec(text)?.[1];
  if (found === undefined) throw new Error(`nothing like ${pattern.source} is told of the process`);
  return Number(found);
}
