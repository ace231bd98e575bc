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
