import { readFile } from 'node:fs/promises';
import { parseAllDocuments } from 'yaml';
import * as z from 'zod/mini';
import { UsageError } from './command.ts';

/** An object of a file, in its context for error messages. */
export type FileObject = { readonly file: string; readonly kind: string; readonly value: unknown };

const object = z.looseObject({ kind: z.string(), items: z.nullish(z.array(z.unknown())) });

/** Reads the objects in files, `-` being standard input; the items of a list count one by one. Throws `UsageError` if a file is invalid. */
export async function readObjects(
  files: readonly string[],
  input: () => Promise<string>,
): Promise<readonly FileObject[]> {
  const found: FileObject[] = [];
  for (const file of files)
    found.push(...objectsIn(await readText(file, input), file === '-' ? 'standard input' : file));
  return found;
}

/** The text of a file, `-` being standard input. Throws `UsageError` if it cannot be read. */
export async function readText(file: string, input: () => Promise<string>): Promise<string> {
  if (file === '-') return input();
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new UsageError(`the path "${file}" cannot be read: ${reason}`);
  }
}

/** A document may also be unreadable: nested deeper than the stack, or a few lines that expand to gigabytes. */
function objectsIn(text: string, file: string): readonly FileObject[] {
  try {
    return objectsOf(text, file);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function objectsOf(text: string, file: string): readonly FileObject[] {
  const documents = parseAllDocuments(text);
  return [documents].flat().flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new UsageError(`${file}: ${error.message.split('\n')[0] ?? ''}`);
    return itemsOf(document.toJS(), file);
  });
}

function itemsOf(value: unknown, file: string): readonly FileObject[] {
  if (value === null || value === undefined) return [];
  const read = object.safeParse(value);
  if (!read.success) throw new UsageError(`${file} contains an object without a kind`);
  const { kind, items } = read.data;
  return items?.flatMap((item) => itemsOf(item, file)) ?? [{ file, kind, value }];
}
