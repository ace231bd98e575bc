import { delimiter, dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { established, installCrd } from '../behaviour/lab-under-test.ts';
import { labSettings } from '../cluster/lab-script.ts';
import { run, type Result } from '../cluster/run.ts';
import { sharedLab } from '../cluster/shared-lab.ts';
import { commandsOn } from './commands.ts';
import { root } from './pages.ts';

const lab = await sharedLab();
const namespaces = ['kube-fledged', 'openfaas-fn', 'apps', 'team-a'];

/** A kind of a platform that is not here, whatever its objects say. */
const kindOf = (group: string, kind: string, plural: string) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${plural}.${group}`, labels: { test: 'commands' } },
  spec: {
    group,
    scope: 'Namespaced',
    names: { kind, plural },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
});

let env: NodeJS.ProcessEnv;
/** As a user would, where kubectl and helm find the lab. */
const bash = (script: string): Promise<Result> =>
  run('bash', ['-euo', 'pipefail', '-c', `cd '${root}'\n${script}`], { env, timeout: 170_000 });

beforeAll(async () => {
  await lab.renew(); // other files leave objects where the chart is installed
  await lab.simulate(1); // its Pods end at once, those of the chart's hooks too
  await lab.apply({
    apiVersion: 'v1',
    kind: 'List',
    items: [
      kindOf('openfaas.com', 'Function', 'functions'),
      kindOf('monitoring.coreos.com', 'PrometheusRule', 'prometheusrules'),
      ...namespaces.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
    ],
  });
  await established(lab, '-l', 'test=commands');
  const { env: labs } = await labSettings(inject('lab'));
  env = { ...labs, PATH: [dirname(process.execPath), labs['PATH']].join(delimiter) };
});

afterAll(async () => {
  await lab.ask('delete', 'crd', '-l', 'test=commands');
  await lab.ask('delete', 'imagecaches', '--all', '-n', 'default');
  await installCrd(lab);
});

describe('the commands that need a control plane', () => {
  it.each(commandsOn('cluster'))('$page: $text', async ({ script, afterwards }) => {
    const { code, stdout, stderr } = await bash(script.replace('FILE', lab.kubeconfig));
    expect(code, stdout + stderr).toBe(0);
    if (afterwards !== undefined) expect(await bash(afterwards)).toMatchObject({ code: 0 });
  });
});
