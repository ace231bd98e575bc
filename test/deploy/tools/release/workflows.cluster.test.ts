import { join } from 'node:path';
import { expect, it } from 'vitest';
import { goPrograms } from '../../../cluster/go-programs.ts';
import { run } from '../../../cluster/run.ts';

const workflows = join(import.meta.dirname, '../../../../.github/workflows');

it.each(['ci.yaml', 'release.yaml'])('actionlint accepts %s', async (name) => {
  const actionlint = join(await goPrograms(join(import.meta.dirname, 'tools'), 'tool'), 'actionlint');
  expect(await run(actionlint, ['-no-color', join(workflows, name)])).toEqual({ code: 0, stdout: '', stderr: '' });
});
