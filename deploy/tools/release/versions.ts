import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Paths of all files under version control, relative to the root. */
export const trackedFiles = async (root: string): Promise<readonly string[]> => {
  const { stdout } = await promisify(execFile)('git', ['ls-files', '-z'], { cwd: root, maxBuffer: 2 ** 26 });
  return stdout.split('\0').filter((path) => path !== '');
};

/** Where files contain the product's version: in references of its images, and in fields of these files. */
const patterns: readonly { readonly in: RegExp; readonly pattern: RegExp }[] = [
  { in: /./, pattern: /(?<=imagecache-(?:functions|noop):)\d+\.\d+\.\d+(?:-[\w.]+\b)?/g },
  { in: /^deploy\/helm\/Chart\.yaml$/, pattern: /(?<=^(?:version|appVersion): )\S+/gm },
  { in: /^deploy\/Dockerfile$/, pattern: /(?<=^ARG VERSION=)\S+/gm },
  { in: /^deploy\/gitops\/install\/argocd-application\.yaml$/, pattern: /(?<=^ {4}targetRevision: )\S+/gm },
  { in: /^package\.json$/, pattern: /(?<=^ {2}"version": ")[^"]+/gm },
];

const patternsOf = (path: string): readonly RegExp[] =>
  patterns.filter(({ in: where }) => where.test(path)).map(({ pattern }) => pattern);

/** Every version of the product in a file; `path` is relative to the root. */
export const versionsIn = (path: string, text: string): readonly string[] =>
  patternsOf(path).flatMap((pattern) => text.match(pattern) ?? []);

/** The file with the version replaced in all these places. */
export const withVersion = (path: string, text: string, version: string): string =>
  patternsOf(path).reduce((changed, pattern) => changed.replace(pattern, version), text);

const heading = /^## (?<name>\S+)(?: \((?<date>\d{4}-\d{2}-\d{2})\))?$/gm;
const unreleased = 'Unreleased';

export type Section = { readonly name: string; readonly date: string | undefined; readonly text: string };

/** The sections of a changelog, newest first; the next version's is called Unreleased. */
export const sectionsIn = (changelog: string): readonly Section[] => {
  const headings = [...changelog.matchAll(heading)];
  return headings.map(({ index, 0: line, groups = {} }, position) => ({
    name: groups['name'] ?? '',
    date: groups['date'],
    text: changelog.slice(index + line.length, headings[position + 1]?.index).trim(),
  }));
};

/** The release notes of a version. Throws if the changelog has none. */
export const notesOf = (changelog: string, version: string): string => {
  const section = sectionsIn(changelog).find(({ name }) => name === version);
  if (section === undefined || section.text === '')
    throw new Error(`CHANGELOG.md has no notes of ${version}: run npm version ${version} --allow-same-version`);
  return section.text;
};

/** The changelog with the Unreleased section renamed to the version and date (YYYY-MM-DD), unless it has the version already. */
export const withRelease = (changelog: string, version: string, date: string): string => {
  const names = sectionsIn(changelog).map(({ name }) => name);
  if (names.includes(version)) return changelog;
  if (!names.includes(unreleased)) throw new Error(`CHANGELOG.md has no section ${unreleased} to rename to ${version}`);
  return changelog.replace(`## ${unreleased}\n`, `## ${version} (${date})\n`);
};
