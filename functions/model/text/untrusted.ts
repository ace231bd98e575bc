/** The own property of a record; undefined for inherited ones. Images, nodes and hashes may be named `constructor`. */
export const ownEntry = <T>(record: Readonly<Record<string, T>>, key: string): T | undefined =>
  Object.hasOwn(record, key) ? record[key] : undefined;

/**
 * Whether an object can have this name: a DNS subdomain of at most 253 characters.
 * Names come from events and statuses, which others may edit, and become part of request paths.
 */
export const isObjectName = (text: string): boolean =>
  text.length <= 253 && !text.includes('..') && /^[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?$/.test(text);

/**
 * Escapes control characters other than line feeds and tabs, and characters that are not seen or turn the direction of
 * text: names and messages come from registries, runtimes and cache authors, and must not deceive the reader or control the
 * reader's terminal.
 */
export const printable = (text: string): string => text.replace(/[\p{Cf}\p{Zl}\p{Zp}]|[^\P{Cc}\n\t]/gu, escaped);

function escaped(character: string): string {
  const code = character.codePointAt(0)?.toString(16) ?? '';
  return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`;
}
