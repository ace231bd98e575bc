/** Makes the plots and the tables of docs/performance.md anew, from what was measured last: `npm run bench:report`. */
import { readResults } from '../results.ts';
import { writeReport } from './write-report.ts';

await writeReport(await readResults());
