/**
 * A text whose control characters but line ends and tabs are written out, as JSON writes them: names and messages come from
 * registries, runtimes and whoever may write a cache, and must not steer the terminal of who reads them.
 */
export const printable = (text: string): string =>
  text.replace(/[^\P{Cc}\n\t]/gu, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
