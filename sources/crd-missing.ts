import type { Logger } from 'pino';
import { crdName } from '#model/cache/api.ts';

/** Logs that the CRD is missing, and how to install it. */
export function logCrdMissing(log: Logger): void {
  const how = 'kubectl apply --server-side -f crds/imagecache.yaml';
  log.warn({ crd: crdName }, `the CRD is missing; install it with: ${how}`);
}
