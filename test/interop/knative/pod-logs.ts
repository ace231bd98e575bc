import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../../cluster/lab.ts';
import { namespace } from './install-knative.ts';

export type PodLogs = {
  /** All log lines of all Pods of the product so far, in order of arrival. */
  readonly lines: () => readonly string[];
  readonly stop: () => Promise<void>;
};

const containers = ['user-container', 'source'];

/** Follows the logs of the product's Pods, including new and deleted ones. */
export function followPods(lab: Lab): PodLogs {
  const lines: string[] = [];
  const followed = new Map<string, ChildProcess>();
  const stopping = new AbortController();
  const follow = (pod: string, container: string): void => {
    const child = lab.enter('kubectl', ['-n', namespace, 'logs', '-f', pod, '-c', container], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    followed.set(pod, child);
    let rest = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop() ?? '';
      lines.push(...parts);
    });
  };
  const watching = (async () => {
    while (!stopping.signal.aborted) {
      for (const { pod, container } of await started(lab)) if (!followed.has(pod)) follow(pod, container);
      await sleep(1000);
    }
  })();
  return {
    lines: () => lines,
    stop: async () => {
      stopping.abort();
      await watching;
      for (const child of followed.values()) child.kill();
    },
  };
}

/** Pods of the product whose program has started, without the one for dead letters. */
async function started(lab: Lab): Promise<readonly { readonly pod: string; readonly container: string }[]> {
  const path =
    '{range .items[*]}{.metadata.name}{range .status.containerStatuses[?(@.started==true)]} {.name}{end}{"\\n"}{end}';
  const selector = 'app.kubernetes.io/name=imagecache-functions';
  const { stdout } = await lab.kubectl('-n', namespace, 'get', 'pods', '-l', selector, '-o', `jsonpath=${path}`);
  return stdout.split('\n').flatMap((line) => {
    const [pod = '', ...names] = line.split(' ');
    const container = containers.find((name) => names.includes(name));
    return container === undefined || pod.startsWith('dead-letters') ? [] : [{ pod, container }];
  });
}
