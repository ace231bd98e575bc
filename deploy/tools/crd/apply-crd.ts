import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { parse, YAMLParseError } from 'yaml';
import * as z from 'zod/mini';
import { crdName, fieldManager } from '#model/cache/api.ts';
import type { Api } from '#runtime/api/api.ts';
import { ConfigError } from '#runtime/errors.ts';

const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${crdName}`;

/** Milliseconds within which the API server has to serve an applied CRD. */
const longestWait = 30_000;

/** Applies the CRD in a file, and takes over the fields of earlier installers. Throws `ConfigError` for another manifest. */
export async function applyCrd(api: Api, file: string): Promise<string> {
  await api.request({
    method: 'PATCH',
    path: `${path}?fieldManager=${fieldManager}&force=true`,
    contentType: 'application/apply-patch+yaml',
    body: await manifestIn(file),
  });
  const end = Date.now() + longestWait;
  while (!isEstablished(await api.request({ method: 'GET', path }))) {
    if (Date.now() > end) throw new ConfigError(`${crdName} was applied, but the API server does not serve it`);
    await pause(100);
  }
  return `${crdName} applied`;
}

const manifest = z.looseObject({ metadata: z.looseObject({ name: z.literal(crdName) }) });

async function manifestIn(file: string): Promise<unknown> {
  try {
    const read = manifest.safeParse(parse(await readFile(file, 'utf8')));
    if (read.success) return read.data;
  } catch (error) {
    if (!(error instanceof YAMLParseError) && !(error instanceof Error && 'code' in error)) throw error;
    throw new ConfigError(`${file} cannot be read: ${error.message}`, { cause: error });
  }
  throw new ConfigError(`${file} is not the CRD ${crdName}`);
}

const condition = z.object({ type: z.string(), status: z.string() });
/** The API server writes `null` while there are no conditions. */
const definition = z.object({ status: z.optional(z.object({ conditions: z.nullish(z.array(condition)) })) });

const isEstablished = (answer: unknown): boolean => {
  const conditions = definition.parse(answer).status?.conditions ?? [];
  return conditions.some(({ type, status }) => type === 'Established' && status === 'True');
};
