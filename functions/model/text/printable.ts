/**
 * Escapes control characters other than line feeds and tabs as JSON does: names and messages come from registries,
 * runtimes and cache authors, and must not control the reader's terminal.
 */
export const printable = (text: string): string =>
  text.replace(/[^\P{Cc}\n\t]/gu, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
