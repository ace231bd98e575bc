import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { parse, stringify } from 'yaml';
import * as z from 'zod/mini';
import { readConfig } from '#runtime/config/config.ts';
import { startStandalone } from '../../deploy/standalone/start-standalone.ts';
import type { Lab } from '../cluster/lab.ts';
import type { Mode } from './modes.ts';

/** A tenant: the chart's role for editors in one namespace, and nothing else. */
export const tenant = '--as=mallory';

export const tenantRights = (namespace: string, editor: string): readonly object[] => [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: 'mallory', namespace },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: editor },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'mallory' }],
  },
];

type Started = { readonly port: number; readonly stop: () => Promise<void> };

/** Starts the standalone process with the account of a mode, so that its rights and policies apply; returns its port and how to stop it. */
export async function startAs(mode: Mode, lab: Lab, flags: readonly string[]): Promise<Started> {
  const folder = mkdtempSync(join(tmpdir(), 'attacks-'));
  const token = (await lab.ask('create', 'token', mode.accounts[0], '-n', mode.namespace)).trim();
  const loose = z.looseObject({ users: z.array(z.looseObject({ name: z.string() })) });
  const config = loose.parse(parse(readFileSync(lab.kubeconfig, 'utf8')));
  const users = config.users.map(({ name }) => ({ name, user: { token } }));
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(kubeconfig, stringify({ ...config, users }));
  const env = { KUBEFLEDGED_NAMESPACE: mode.namespace, TICK_SCHEDULE: '*/2 * * * * *', PORT: '0' };
  const settings = readConfig([`--kubeconfig=${kubeconfig}`, '--leader-election=false', ...flags], env);
  const log = pino({ level: 'silent' });
  const standalone = await startStandalone(settings, { host: '127.0.0.1', lockFolder: folder, log });
  return {
    port: standalone.port,
    stop: async () => {
      await standalone.stop();
      rmSync(folder, { recursive: true });
    },
  };
}
