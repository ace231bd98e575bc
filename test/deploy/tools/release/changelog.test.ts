import { describe, expect, it } from 'vitest';
import { notesOf, sectionsIn, withRelease } from '../../../../deploy/tools/release/versions.ts';

const changelog = `# Changelog

What it is about.

## Unreleased

* New.

## 0.1.0 (2026-11-25)

First.

* One.
`;

describe('a changelog', () => {
  it('has a section for each version', () => {
    expect(sectionsIn(changelog)).toEqual([
      { name: 'Unreleased', date: undefined, text: '* New.' },
      { name: '0.1.0', date: '2026-11-25', text: 'First.\n\n* One.' },
    ]);
  });

  it('renames the Unreleased section to the version and date', () => {
    const next = withRelease(changelog, '0.2.0', '2026-12-01');
    expect(next).toBe(changelog.replace('## Unreleased', '## 0.2.0 (2026-12-01)'));
    expect(withRelease(next, '0.2.0', '2026-12-24')).toBe(next);
    expect(() => withRelease(next, '0.3.0', '2026-12-24')).toThrow('no section Unreleased');
  });

  it('has the notes of a released version', () => {
    expect(notesOf(changelog, '0.1.0')).toBe('First.\n\n* One.');
    expect(() => notesOf(changelog, '0.2.0')).toThrow('has no notes of 0.2.0');
  });
});
