import { runPlugin } from '../../../deploy/plugin/run.ts';

export type Ran = { readonly code: number; readonly out: string; readonly err: string };
export type Plugin = (command: string, input?: object) => Promise<Ran>;

/** Runs the plugin in this process, against the cluster of a kubeconfig; the command is split at spaces. */
export const pluginAt =
  (kubeconfig: string): Plugin =>
  async (command, input) => {
    const lines = { out: '', err: '' };
    const code = await runPlugin(
      command === '' ? [] : command.split(' '),
      { KUBECONFIG: kubeconfig },
      {
        print: (text) => void (lines.out += `${text}\n`),
        note: (text) => void (lines.err += `${text}\n`),
        width: undefined,
        input: () => Promise.resolve(JSON.stringify(input)),
        colour: (_, text) => text,
      },
    );
    return { code, ...lines };
  };

/** The longest line, in characters. */
export const widest = (text: string): number => Math.max(...text.split('\n').map((line) => line.length));
