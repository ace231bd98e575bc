import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { parse, YAMLParseError } from 'yaml';
import * as z from 'zod/mini';
import { crdName, fieldManager } from '#model/cache/api.ts';
import type { Api } from '#runtime/api/api.ts';
import { ConfigError } from '#runtime/errors.ts';

const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${crdName}`;

/** Milliseconds until the API server has to serve a CRD that it took. */
const longestWait = 30_000;

/** Server-side apply of the CRD in a file, taking fields over from whoever installed it before. Throws `ConfigError` for another manifest, `ApiError` for a refusal. */
export async function applyCrd(api: Api, file: string): Promise<string> {
  await api.request({
    method: 'PATCH',
    path: `${path}?fieldManager=${fieldManager}&force=true`,
    contentType: 'application/apply-patch+yaml',
    body: await manifestIn(file),
  });
  const end = Date.now() + longestWait;
  while (!isEstablished(await api.request({ method: 'GET', path }))) {
    if (Date.now() > end) throw new ConfigError(`${crdName} was applied, and the API server does not serve it`);
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
    throw new ConfigError(`${file} can not be read: ${error.message}`, { cause: error });
  }
  throw new ConfigError(`${file} is not the CRD ${crdName}`);
}

const condition = z.object({ type: z.string(), status: z.string() });
/** The API server writes `null` for conditions that there are none of yet. */
const definition = z.object({ status: z.optional(z.object({ conditions: z.nullish(z.array(condition)) })) });

const isEstablished = (answer: unknown): boolean => {
  const conditions = definition.parse(answer).status?.conditions ?? [];
  return conditions.some(({ type, status }) => type === 'Established' && status === 'True');
};
