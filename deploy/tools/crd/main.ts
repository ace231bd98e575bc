/** Runs once at install, upgrade and uninstall: `apply FILE`, or `release`. */
import { createApi } from '#runtime/api/create-api.ts';
import { readConfig } from '#runtime/config/config.ts';
import { ApiError, ConfigError } from '#runtime/errors.ts';
import { applyCrd } from './apply-crd.ts';
import { releaseCaches } from './release-caches.ts';

const usage = `usage: crd apply FILE [--kubeconfig FILE]
         applies the ImageCache CRD in FILE to the cluster, and waits until it is served
       crd release [--kubeconfig FILE] [--watch-namespaces NAME,...]
         removes our finalizer from every ImageCache (of these namespaces), so that they can be deleted without us`;

const act = async ([command, file, ...more]: readonly string[]): Promise<string> => {
  const isApply = command === 'apply' && file !== undefined;
  if (!isApply && command !== 'release') throw new ConfigError(usage);
  const flags = isApply ? more : [file ?? [], more].flat();
  const config = readConfig(flags, process.env);
  const api = createApi(config);
  try {
    return isApply ? await applyCrd(api, file) : await releaseCaches(api, config.watchNamespaces);
  } finally {
    api.close();
  }
};

try {
  process.stdout.write(`${await act(process.argv.slice(2))}\n`);
} catch (error) {
  if (!(error instanceof ConfigError || error instanceof ApiError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
