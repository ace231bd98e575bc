/** Where a file says the product's version: beside the name of an image, and in files of which it is the business to say it. */
const patterns: readonly { readonly in: RegExp; readonly pattern: RegExp }[] = [
  { in: /./, pattern: /(?<=imagecache-(?:functions|noop):)\d+\.\d+\.\d+(?:-[\w.]+\b)?/g },
  { in: /^deploy\/helm\/Chart\.yaml$/, pattern: /(?<=^(?:version|appVersion): )\S+/gm },
  { in: /^deploy\/Dockerfile$/, pattern: /(?<=^ARG VERSION=)\S+/gm },
  { in: /^package\.json$/, pattern: /(?<=^ {2}"version": ")[^"]+/gm },
];

const patternsOf = (path: string): readonly RegExp[] =>
  patterns.filter(({ in: where }) => where.test(path)).map(({ pattern }) => pattern);

/** Every version of the product that a file speaks of; `path` is relative to the root. */
export const versionsIn = (path: string, text: string): readonly string[] =>
  patternsOf(path).flatMap((pattern) => text.match(pattern) ?? []);

/** The file with another version of the product in all these places. */
export const withVersion = (path: string, text: string, version: string): string =>
  patternsOf(path).reduce((changed, pattern) => changed.replace(pattern, version), text);
