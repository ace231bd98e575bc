import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import * as z from 'zod/mini';
import { functionNames } from '#model/cache/cloud-event.ts';
import type { Lab } from '../../cluster/lab.ts';
import { sharedLab } from '../../cluster/shared-lab.ts';
import { deployedName } from '../deployed-name.ts';
import { imagesOfLab, installKnative, manifests, namespace, undeploy, type Way } from './install-knative.ts';
import { documentedCommands, runCommands } from './kn-commands.ts';

const made = z.object({
  kind: z.string(),
  metadata: z.object({ name: z.string(), labels: z._default(z.record(z.string(), z.string()), {}) }),
  spec: z.record(z.string(), z.unknown()),
});
type Made = z.infer<typeof made>;

const container = z.looseObject({
  ports: z.optional(z.tuple([z.looseObject({ containerPort: z.literal(8080) })])),
  readinessProbe: z.looseObject({ httpGet: z.looseObject({ port: z.number() }) }),
  securityContext: z.looseObject({}),
});
const revision = z.object({
  template: z.object({
    metadata: z.object({ annotations: z.record(z.string(), z.string()) }),
    spec: z.looseObject({ containers: z.tuple([container]) }),
  }),
});
const filtered = z.object({
  broker: z.string(),
  filter: z.object({ attributes: z.record(z.string(), z.string()) }),
  subscriber: z.object({ ref: z.object({ name: z.string() }) }),
});

let lab: Lab;
beforeAll(async () => {
  lab = await sharedLab();
  await installKnative(lab);
  await runCommands(lab, imagesOfLab(documentedCommands()));
});
afterAll(async () => {
  for (const kinds of ['apiserversources,pingsources,sinkbindings', 'triggers', 'brokers,ksvc'])
    await lab.ask('-n', namespace, 'delete', kinds, '--all', '--timeout=60s');
  await undeploy(lab, 'our-source'); // rights and settings
});

const get = async (kind: string, name: string): Promise<Made> =>
  made.parse(JSON.parse(await lab.ask('-n', namespace, 'get', kind, name, '-o', 'json')));

/** The object in the file, with the fields that the API server and Knative add. */
async function inFile(way: Way, kind: string, name: string): Promise<Made> {
  const objects = parseAllDocuments(await manifests(lab, way)).map((document) => document.toJS() as unknown);
  const found = objects.find((object) => {
    const { success, data } = made.safeParse(object);
    return success && data.kind === kind && data.metadata.name === name;
  });
  const again = JSON.stringify(found).replace(`"name":"${name}"`, `"name":"${name}-of-file"`); // it already exists
  const { stdout, stderr } = await lab.kubectlWith(again, 'create', '--dry-run=server', '-o', 'json', '-f', '-');
  if (stdout === '') throw new Error(stderr);
  return made.parse(JSON.parse(stdout));
}

/** The relevant part of a Service: visibility, scaling, containers. Both set port 8080, in different fields; kn has no flag for a read-only root. */
function service({ metadata, spec }: Made): unknown {
  const { template } = revision.parse(spec);
  const [{ readinessProbe: probe, securityContext, ...others }] = template.spec.containers;
  const scale = Object.entries(template.metadata.annotations).filter(([name]) => name.startsWith('autoscaling'));
  return {
    visibility: metadata.labels['networking.knative.dev/visibility'],
    scale: Object.fromEntries(scale),
    ...template.spec,
    containers: [{ ...others, ports: undefined }],
    readinessProbe: { ...probe, httpGet: { ...probe.httpGet, port: probe.httpGet.port || 8080 } },
    securityContext: { ...securityContext, readOnlyRootFilesystem: undefined },
  };
}

describe('the commands for kn', () => {
  it.each(functionNames)('create the Service %s as in the file', async (name) => {
    const deployed = deployedName(name);
    const [byKn, byFile] = [await get('ksvc', deployed), await inFile('our-source', 'Service', deployed)];
    expect(service(byKn)).toEqual(service(byFile));
    await lab.ask('-n', namespace, 'wait', '--for=condition=Ready', `ksvc/${deployed}`, '--timeout=60s');
  });

  it('create Triggers with the filters of the files', async () => {
    const text = await lab.ask('-n', namespace, 'get', 'triggers', '-o', 'json');
    const { items } = z.object({ items: z.array(z.object({ spec: filtered })) }).parse(JSON.parse(text));
    const attributesFor = (name: string): readonly object[] =>
      items.flatMap(({ spec }) => (spec.subscriber.ref.name === name ? [spec.filter.attributes] : []));
    const caches = { kind: 'ImageCache' };
    const tick = { type: 'dev.knative.sources.ping' };
    expect(Object.fromEntries(functionNames.map((name) => [name, attributesFor(deployedName(name))]))).toEqual({
      reconcile: [caches, { kind: 'Node' }],
      'job-complete': [{ kind: 'Job' }, { kind: 'Pod' }],
      refresh: [caches, tick],
      purge: [caches, { removal: 'true' }, tick],
    });
    expect(new Set(items.map(({ spec }) => spec.broker))).toEqual(new Set(['imagecaches']));
  });

  it('create a Broker with the delivery settings of the Triggers in the files', async () => {
    const { spec } = await inFile('our-source', 'Trigger', 'imagecache-reconcile');
    const broker = await inFile('our-source', 'Broker', 'imagecaches');
    const sink = z.object({ delivery: z.object({ deadLetterSink: z.unknown() }) }).parse(broker.spec).delivery;
    expect((await get('broker', 'imagecaches')).spec['delivery']).toEqual({ ...sink, ...(spec['delivery'] as object) });
  });

  it.each([
    ['our-source', 'SinkBinding', 'imagecache-source'],
    ['knative-sources', 'PingSource', 'imagecaches'],
  ] as const)('create for %s the %s of the file', async (way, kind, name) => {
    // kn writes the namespace of the Broker, which is that of the source.
    expect((await get(kind, name)).spec).toMatchObject((await inFile(way, kind, name)).spec);
  });

  it('create an ApiServerSource that differs from the file only in its namespaces', async () => {
    const { namespaceSelector, ...wanted } = (await inFile('knative-sources', 'ApiServerSource', 'imagecaches')).spec;
    expect(namespaceSelector).toEqual({});
    const { spec } = await get('ApiServerSource', 'imagecaches');
    expect(spec).toMatchObject(wanted);
    expect(spec).not.toHaveProperty('namespaceSelector');
  });
});
