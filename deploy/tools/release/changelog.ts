const heading = /^## (?<name>\S+)(?: \((?<date>\d{4}-\d{2}-\d{2})\))?$/gm;
const unreleased = 'Unreleased';

export type Section = { readonly name: string; readonly date: string | undefined; readonly text: string };

/** What a changelog says of each version, newest first; what is to come is called Unreleased. */
export const sectionsIn = (changelog: string): readonly Section[] => {
  const headings = [...changelog.matchAll(heading)];
  return headings.map(({ index, 0: line, groups = {} }, position) => ({
    name: groups['name'] ?? '',
    date: groups['date'],
    text: changelog.slice(index + line.length, headings[position + 1]?.index).trim(),
  }));
};

/** What is new in a version. Throws if the changelog does not say so. */
export const notesOf = (changelog: string, version: string): string => {
  const section = sectionsIn(changelog).find(({ name }) => name === version);
  if (section === undefined || section.text === '')
    throw new Error(`CHANGELOG.md says nothing of ${version}: run npm version ${version} --allow-same-version`);
  return section.text;
};

/** The changelog in which what was to come is the version of a day (YYYY-MM-DD); the same if it has the version already. */
export const withRelease = (changelog: string, version: string, date: string): string => {
  const names = sectionsIn(changelog).map(({ name }) => name);
  if (names.includes(version)) return changelog;
  if (!names.includes(unreleased))
    throw new Error(`CHANGELOG.md has no section ${unreleased} that could be ${version}`);
  return changelog.replace(`## ${unreleased}\n`, `## ${version} (${date})\n`);
};
