import type { Api } from '#runtime/api/api.ts';
import { isNotFound } from '#runtime/errors.ts';

/** Reads one object; undefined if it does not exist, or no object can have its name. */
export async function find<T>(api: Api, path: () => string, parse: (object: unknown) => T): Promise<T | undefined> {
  try {
    return parse(await api.request({ method: 'GET', path: path() }));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
