import { tickType } from '#model/cache/cloud-event.ts';
import type { Meter } from '#runtime/process/metrics.ts';
import { DeliveryRefused, type Sink } from './sink.ts';
import type { SourceMetric } from '../source-metrics.ts';

/** The same sink, counting deliveries by outcome. */
export const meteredSink =
  (sink: Sink, meter: Meter<SourceMetric>): Sink =>
  async (event, kind, signal) => {
    const record = (outcome: string): void =>
      meter.record('imagecache_deliveries_total', 1, { kind: event.type === tickType ? 'tick' : kind, outcome });
    try {
      await sink(event, kind, signal);
      record('delivered');
    } catch (error) {
      record(error instanceof DeliveryRefused ? 'refused' : 'retry');
      throw error;
    }
  };
