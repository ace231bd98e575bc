import { tickType } from '#model/cache/cloud-event.ts';
import type { Meter } from '#runtime/process/metrics.ts';
import { DeliveryRefused, type Sink } from './sink.ts';
import type { SourceMetric } from '../source-metrics.ts';

/** The same sink, with what comes of each delivery counted. */
export const meteredSink =
  (sink: Sink, meter: Meter<SourceMetric>): Sink =>
  async (event, kind) => {
    const ended = (outcome: string): void =>
      meter.record('imagecache_deliveries_total', 1, { kind: event.type === tickType ? 'tick' : kind, outcome });
    try {
      await sink(event, kind);
      ended('delivered');
    } catch (error) {
      ended(error instanceof DeliveryRefused ? 'refused' : 'retry');
      throw error;
    }
  };
