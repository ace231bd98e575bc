import { spawn } from 'node:child_process';

export type Result = { readonly stdout: string; readonly stderr: string; readonly code: number };

export type RunOptions = {
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Milliseconds after which the command is killed and the call fails. Default 60,000. */
  readonly timeout?: number;
};

const killedAfter = (timeout: number, command: string) =>
  new Error(`${command} did not end in ${timeout / 1000} s and was killed`);

/** Runs a command and returns its output, whatever its exit code; throws if it cannot start or times out. */
export const run = (command: string, args: readonly string[], options: RunOptions = {}): Promise<Result> => {
  const { input = '', env = process.env, timeout = 60_000 } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: 'pipe' });
    const output = { stdout: '', stderr: '' };
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(killedAfter(timeout, [command, ...args].join(' ')));
    }, timeout);
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
    child.stdin.on('error', () => undefined); // a command may exit before it has read its input
    child.stdin.end(input);
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ ...output, code: code ?? -1 });
    });
  });
};

/** Runs a command that must succeed and returns its standard output; throws with its standard error. */
export const runWell = async (command: string, args: readonly string[], options?: RunOptions): Promise<string> => {
  const { stdout, stderr, code } = await run(command, args, options);
  if (code !== 0) throw new Error(`${[command, ...args].join(' ')} ended with ${code}: ${stderr.trim()}`);
  return stdout;
};
