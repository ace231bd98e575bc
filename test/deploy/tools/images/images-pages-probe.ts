/** Whether a bundle has what is loaded while it runs: the files of the status page, and the client of Prometheus. */
import { createMetrics } from '#runtime/process/metrics.ts';
import { loadStatusPage } from '../../../../sources/status-page/status-page.ts';

await loadStatusPage();
const { text } = await createMetrics({}).scrape();
process.stdout.write(/^process_start_time_seconds \d+$/m.test(text) ? 'page and metrics' : text);
