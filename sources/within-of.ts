import type { Logger } from 'pino';
import { settingsIn, type Config } from '#runtime/config/config.ts';
import type { Within } from './kubernetes/source.ts';

/** The namespaces that this process watches. A limit is logged, because objects elsewhere are ignored. */
export function withinOf({ watchNamespaces, settings }: Config, ownNamespace: string, log: Logger): Within {
  if (watchNamespaces.length > 0) log.info({ namespaces: watchNamespaces }, 'limited to namespaces');
  return { namespaces: watchNamespaces, installation: settingsIn(ownNamespace, settings).namespace };
}
