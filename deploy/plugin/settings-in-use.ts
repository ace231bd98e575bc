import * as z from 'zod/mini';
import type { Settings } from '#model/cache/settings.ts';
import type { Api } from '#runtime/api/api.ts';
import { readConfig } from '#runtime/config/config.ts';
import { ApiError, ConfigError } from '#runtime/errors.ts';

/** The settings of the imagecache-functions in the cluster, their origin, and whether they were read or are the defaults. */
export type SettingsInUse = { readonly settings: Settings; readonly origin: string; readonly isRead: boolean };

const deployments = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ namespace: z.string(), name: z.string() }),
      spec: z.object({
        template: z.object({
          spec: z.object({
            containers: z.array(
              z.object({
                args: z.optional(z.array(z.string())),
                env: z.optional(z.array(z.object({ name: z.string(), value: z.optional(z.string()) }))),
              }),
            ),
          }),
        }),
      }),
    }),
  ),
});

const path = `/apis/apps/v1/deployments?labelSelector=${encodeURIComponent('app.kubernetes.io/name=imagecache-functions')}`;

/** Reads the flags and environment of the installed Deployment; the defaults if it cannot be read. */
export async function settingsInUse(api: Api): Promise<SettingsInUse> {
  const defaults = (why: string): SettingsInUse => ({
    settings: readConfig([], {}).settings,
    origin: `default settings (${why})`,
    isRead: false,
  });
  try {
    const [found] = deployments.parse(await api.request({ method: 'GET', path })).items;
    const container = found?.spec.template.spec.containers[0];
    if (found === undefined || container === undefined) return defaults('no Deployment of imagecache-functions found');
    const env = Object.fromEntries((container.env ?? []).map(({ name, value }) => [name, value]));
    const { settings } = readConfig(flagsOf(container.args ?? []), env);
    return {
      settings: { ...settings, namespace: found.metadata.namespace },
      origin: `settings of deployment ${found.metadata.namespace}/${found.metadata.name}`,
      isRead: true,
    };
  } catch (error) {
    if (error instanceof ApiError && (error.status === 403 || error.status === 404))
      return defaults('Deployments cannot be read');
    if (error instanceof ConfigError) return defaults('those of the Deployment are invalid');
    throw error;
  }
}

/** The first argument is the name of the program in the image. */
const flagsOf = (args: readonly string[]): readonly string[] =>
  args[0]?.startsWith('-') === false ? args.slice(1) : args;
