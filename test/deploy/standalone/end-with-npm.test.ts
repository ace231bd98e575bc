import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';

const program = `
  const { endWithNpm } = await import('./deploy/standalone/end-with-npm.ts');
  let signals = 0;
  process.on('SIGTERM', () => (signals += 1));
  endWithNpm();
  setTimeout(() => console.log(signals), 2_500);
`;

it('sends one SIGTERM when the shell of npm has ended: a second one would end the process before it has stopped', async () => {
  const env = { ...process.env, npm_lifecycle_event: 'start', PROGRAM: program };
  const shell = spawn('sh', ['-c', '"$NODE" --input-type=module -e "$PROGRAM" & sleep 1.5'], {
    env: { ...env, NODE: process.execPath },
  });
  expect(await text(shell.stdout)).toBe('1\n');
});
