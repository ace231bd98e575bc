import type { Logger } from 'pino';
import { crdName } from '#model/cache/api.ts';

/** Says that the cluster does not know ImageCaches, and what makes it. */
export function logCrdMissing(log: Logger): void {
  const how = 'kubectl apply --server-side -f crds/imagecache.yaml';
  log.warn({ crd: crdName }, `the CRD is missing; install it with: ${how}`);
}
