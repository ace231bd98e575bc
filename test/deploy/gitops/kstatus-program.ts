import { join } from 'node:path';
import * as z from 'zod/mini';
import { goPrograms } from '../../cluster/go-programs.ts';
import { runWell } from '../../cluster/run.ts';

const computed = z.array(z.object({ status: z.string(), message: z.string() }));

export type Computed = z.infer<typeof computed>[number];

/** The status of each object by the Go module of kstatus; builds its program if necessary (under a minute). */
export async function computeStatuses(objects: readonly object[]): Promise<readonly Computed[]> {
  const programs = await goPrograms(join(import.meta.dirname, 'kstatus'), '.');
  return computed.parse(JSON.parse(await runWell(join(programs, 'kstatus'), [], { input: JSON.stringify(objects) })));
}
