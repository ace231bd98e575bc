import { readFile } from 'node:fs/promises';

/** Resource usage of a process, as counted by the kernel. */
export type Counted = {
  /** Peak memory in MB. */
  readonly peakMegabytes: number;
  /** Bytes read from sockets and files. */
  readonly bytesRead: number;
};

/** The resource usage of a running process since its start (Linux). */
export async function counted(pid: number): Promise<Counted> {
  const [status, io] = await Promise.all([
    readFile(`/proc/${pid}/status`, 'utf8'),
    readFile(`/proc/${pid}/io`, 'utf8'),
  ]);
  return { peakMegabytes: numberIn(status, /^VmHWM:\s+(\d+) kB/m) / 1024, bytesRead: numberIn(io, /^rchar: (\d+)/m) };
}

function numberIn(text: string, pattern: RegExp): number {
  const found = pattern.exec(text)?.[1];
  if (found === undefined) throw new Error(`no line of the process's usage matches ${pattern.source}`);
  return Number(found);
}
