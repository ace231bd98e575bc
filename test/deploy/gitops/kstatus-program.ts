import { join } from 'node:path';
import * as z from 'zod/mini';
import { goPrograms } from '../../cluster/go-programs.ts';
import { runWell } from '../../cluster/run.ts';

const computed = z.array(z.object({ status: z.string(), message: z.string() }));

export type Computed = z.infer<typeof computed>[number];

/** What kstatus's own Go module says of each object; builds its program first where this machine has not (under a minute). */
export async function computeStatuses(objects: readonly object[]): Promise<readonly Computed[]> {
  const programs = await goPrograms(join(import.meta.dirname, 'kstatus'), '.');
  return computed.parse(JSON.parse(await runWell(join(programs, 'kstatus'), [], { input: JSON.stringify(objects) })));
}
