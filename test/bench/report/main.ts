/** Regenerates the plots and tables of docs/review/performance.md from results.json: `npm run bench:report`. */
import { readResults } from '../results.ts';
import { writeReport } from './write-report.ts';

await writeReport(await readResults());
