import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import * as z from 'zod/mini';
import { functionNames } from '#model/cache/cloud-event.ts';

const root = join(import.meta.dirname, '../..');
const read = (file: string): Promise<string> => readFile(join(root, file), 'utf8');
const texts = z.record(z.string(), z.string());

const object = z.looseObject({ kind: z.string(), metadata: z.object({ name: z.string() }) });
const objectsIn = async (file: string) =>
  parseAllDocuments(await read(file)).flatMap((each) => {
    const parsed = object.safeParse(each.toJS());
    return parsed.success ? [parsed.data] : [];
  });
const ofKind = async (file: string, kind: string, name = 'imagecache-functions') =>
  (await objectsIn(file)).find((each) => each.kind === kind && each.metadata.name.startsWith(name));

const role = z.object({ rules: z.array(z.object({ resources: z.array(z.string()), verbs: z.array(z.string()) })) });

describe.each(['ce', 'pro'])('deploy/openfaas/%s', (edition) => {
  const folder = `deploy/openfaas/${edition}`;

  it('gives the functions what the standalone process may, but to watch, and to look for what kube-fledged left', async () => {
    const theirs = role.parse(await ofKind('deploy/kubectl/standalone.yaml', 'ClusterRole')).rules;
    const { rules } = role.parse(await ofKind(`${folder}/rights.yaml`, 'ClusterRole'));
    const less = theirs
      .filter(({ resources }) => !resources.includes('validatingwebhookconfigurations'))
      .map((rule) => ({ ...rule, verbs: rule.verbs.filter((verb) => verb !== 'watch') }));
    expect(rules).toEqual(less);
  });

  it('binds the account that the functions run as to the Jobs of the product', async () => {
    const account = { ce: 'default', pro: 'imagecache-functions' }[edition];
    const binding = await ofKind(`${folder}/rights.yaml`, 'ClusterRoleBinding');
    expect(binding).toMatchObject({ subjects: [{ name: account, namespace: 'openfaas-fn' }] });
    for (const policy of ['imagecache-functions-jobs', 'imagecache-functions-changes'])
      expect(await ofKind(`${folder}/admission-policy.yaml`, 'ValidatingAdmissionPolicy', policy)).toMatchObject({
        spec: {
          matchConditions: [
            { expression: `request.userInfo.username in ["system:serviceaccount:openfaas-fn:${account}"]` },
          ],
        },
      });
  });

  it('posts events to each function by its name at the gateway', async () => {
    const routes = /"reconcile": [^}]*/.exec(await read(`${folder}/source.yaml`))?.[0] ?? '';
    const urls = functionNames.map((name) => [name, `http://gateway.openfaas:8080/function/${name}`]);
    expect(JSON.parse(`{${routes}}`)).toEqual(Object.fromEntries(urls));
  });
});

const made = z.object({
  spec: z.object({ name: z.string(), image: z.string(), environment: texts, annotations: texts, labels: texts }),
});
const stack = z.object({
  functions: z.record(
    z.string(),
    z.object({ image: z.string(), environment: texts, annotations: texts, labels: texts }),
  ),
});
/** A variable of stack.yml with its default is that. */
const plain = (text: string): string => text.replace(/\$\{\w+:-([^}]*)\}/g, '$1');

describe('the Function resources', () => {
  it('are what faas-cli would make of stack.yml', async () => {
    const { functions } = stack.parse(parse(plain(await read('stack.yml')), { merge: true }));
    const resources = await objectsIn('deploy/openfaas/pro/functions.yaml');
    expect(resources.map(({ metadata }) => metadata.name).toSorted()).toEqual(functionNames.toSorted());
    for (const resource of resources) {
      const { name, image, environment, annotations, labels } = made.parse(resource).spec;
      expect({ image, annotations, labels }, name).toEqual({
        image: functions[name]?.image,
        annotations: functions[name]?.annotations,
        labels: functions[name]?.labels,
      });
      expect(environment).toMatchObject(functions[name]?.environment ?? {});
    }
  });
});
