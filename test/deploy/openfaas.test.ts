import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import * as z from 'zod/mini';
import { functionNames } from '#model/cache/cloud-event.ts';
import { deployedName } from '../interop/deployed-name.ts';

const root = join(import.meta.dirname, '../..');
const read = (file: string): Promise<string> => readFile(join(root, file), 'utf8');
const texts = z.record(z.string(), z.string());

const object = z.looseObject({ kind: z.string(), metadata: z.object({ name: z.string() }) });
const objectsIn = async (file: string) =>
  parseAllDocuments(await read(file)).flatMap((each) => {
    const parsed = object.safeParse(each.toJS());
    return parsed.success ? [parsed.data] : [];
  });
const ofKind = async (file: string, kind: string) =>
  (await objectsIn(file)).find((each) => each.kind === kind && each.metadata.name.startsWith('imagecache-functions'));

const patched = z.object({ patches: z.array(z.object({ target: z.object({ name: z.string() }), patch: z.string() })) });
const role = z.object({ rules: z.array(z.object({ resources: z.array(z.string()), verbs: z.array(z.string()) })) });

describe.each(['ce', 'pro'])('deploy/openfaas/%s', (edition) => {
  const folder = `deploy/openfaas/${edition}`;

  it('grants the functions the rights of the standalone process, except watch and the webhook configurations', async () => {
    const standalone = role.parse(await ofKind('deploy/kubectl/standalone.yaml', 'ClusterRole')).rules;
    const { rules } = role.parse(await ofKind(`${folder}/rights.yaml`, 'ClusterRole'));
    const expected = standalone
      .filter(({ resources }) => !resources.includes('validatingwebhookconfigurations'))
      .map((rule) => ({ ...rule, verbs: rule.verbs.filter((verb) => verb !== 'watch') }));
    expect(rules).toEqual(expected);
  });

  it('limits the account of the functions by the admission policy', async () => {
    const account = { ce: 'default', pro: 'imagecache-functions' }[edition];
    const binding = await ofKind(`${folder}/rights.yaml`, 'ClusterRoleBinding');
    expect(binding).toMatchObject({ subjects: [{ name: account, namespace: 'openfaas-fn' }] });
    const { patches } = patched.parse(parse(await read(`${folder}/policy/kustomization.yaml`)));
    for (const [policy, accounts] of [
      ['imagecache-functions-jobs', [account]],
      ['imagecache-functions-changes', [account, 'imagecache-functions-source']],
    ] as const) {
      const patch = patches.find(({ target }) => target.name === policy)?.patch ?? '';
      const users = accounts.map((name) => `"system:serviceaccount:openfaas-fn:${name}"`).join(', ');
      const value = `request.userInfo.username in [${users}]`;
      expect(parse(patch)).toContainEqual({ op: 'replace', path: '/spec/matchConditions/0/expression', value });
    }
  });

  it('routes events to each function at the gateway', async () => {
    const routes = /"reconcile": [^}]*/.exec(await read(`${folder}/source.yaml`))?.[0] ?? '';
    const urls = functionNames.map((name) => [name, `http://gateway.openfaas:8080/function/${deployedName(name)}`]);
    expect(JSON.parse(`{${routes}}`)).toEqual(Object.fromEntries(urls));
  });
});

const functionResource = z.object({
  spec: z.object({
    ...{ name: z.string(), image: z.string(), environment: texts, annotations: texts, labels: texts },
    ...{ requests: texts, limits: texts },
  }),
});
const stack = z.object({
  functions: z.record(
    z.string(),
    z.object({
      ...{ image: z.string(), environment: texts, annotations: texts, labels: texts, requests: texts, limits: texts },
    }),
  ),
});
/** Replaces variables of stack.yml with their defaults. */
const withDefaults = (text: string): string => text.replace(/\$\{\w+:-([^}]*)\}/g, '$1');

describe('the Function resources', () => {
  it('are equivalent to stack.yml', async () => {
    const { functions } = stack.parse(parse(withDefaults(await read('stack.yml')), { merge: true }));
    const resources = await objectsIn('deploy/openfaas/pro/functions.yaml');
    expect(resources.map(({ metadata }) => metadata.name).toSorted()).toEqual(
      functionNames.map(deployedName).toSorted(),
    );
    for (const resource of resources) {
      const { name, environment, ...rest } = functionResource.parse(resource).spec;
      const { environment: variables, ...others } = functions[name] ?? { environment: {} };
      expect(rest, name).toEqual(others);
      expect(environment).toMatchObject(variables);
    }
  });
});
