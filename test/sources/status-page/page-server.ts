import type { ImageCache } from '#model/cache/image-cache.ts';
import { serveProbes } from '../../../sources/probes.ts';
import { loadStatusPage } from '../../../sources/status-page/status-page.ts';

export type PageServer = {
  readonly url: string;
  /** Replaces the caches in the informer. */
  readonly know: (caches: readonly ImageCache[]) => void;
  readonly as: (source: 'live' | 'reading' | 'standby') => void;
  readonly close: () => Promise<void>;
};

/** Serves the status page for these caches. */
export async function servePage(caches: readonly ImageCache[], port = 0): Promise<PageServer> {
  const keyed = (of: readonly ImageCache[]) => new Map(of.map((cache) => [`${cache.namespace}/${cache.name}`, cache]));
  let known = keyed(caches);
  let source = 'live';
  const load = await loadStatusPage();
  const site = load({ leads: () => source !== 'standby', synced: () => source !== 'reading', caches: () => known });
  const probes = await serveProbes(port, { isReady: () => true, site });
  return {
    url: `http://127.0.0.1:${probes.port}`,
    know: (next) => void (known = keyed(next)),
    as: (next) => void (source = next),
    close: probes.close,
  };
}
