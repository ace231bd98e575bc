import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import * as z from 'zod/mini';
import { allSettings } from '#runtime/config/config.ts';

const deploy = join(import.meta.dirname, '../../deploy');
const read = (file: string): Promise<string> => readFile(join(deploy, file), 'utf8');

const mount = z.object({ name: z.string(), mountPath: z.string() });
const values = z.object({
  statusPage: z.object({ enabled: z.boolean() }),
  controllerReplicaCount: z.number(),
  extraContainers: z.array(
    z.object({
      image: z.string(),
      args: z.array(z.string()),
      env: z.array(z.strictObject({ name: z.string(), valueFrom: z.object({ secretKeyRef: z.unknown() }) })),
      ports: z.array(z.object({ name: z.string(), containerPort: z.number() })),
      securityContext: z.unknown(),
      volumeMounts: z.array(mount),
    }),
  ),
  extraVolumes: z.array(z.strictObject({ name: z.string(), emptyDir: z.object({}) })),
});
const sample = values.parse(parse(await read('samples/status-page-proxy/values.yaml')));
const [proxy] = sample.extraContainers;
const argument = (name: string): string | undefined =>
  proxy?.args.find((each) => each.startsWith(`--${name}=`))?.slice(name.length + 3);

describe('the sample of a proxy for the status page', () => {
  it('is one container, of a version, beside one process that serves the page', () => {
    expect(sample).toMatchObject({ statusPage: { enabled: true }, controllerReplicaCount: 1 });
    expect(sample.extraContainers).toHaveLength(1);
    expect(proxy?.image).toMatch(/:v\d+\.\d+\.\d+$/);
  });

  it('passes requests on to the port of the page only, under a name that the page answers to', () => {
    const port = allSettings.find(({ flag }) => flag === 'status-page-port')?.fallback;
    expect(argument('upstream')).toBe(`http://127.0.0.1:${port}/`);
    expect(argument('pass-host-header')).toBe('false');
  });

  it('lets in the members of a group only, and holds no secret itself', () => {
    expect(argument('allowed-group')).toMatch(/./);
    expect(proxy?.args.filter((each) => /secret|skip-auth|api-route|trusted-ip/.test(each))).toEqual([]);
    expect(proxy?.env.map(({ name }) => name)).toEqual(['OAUTH2_PROXY_CLIENT_SECRET', 'OAUTH2_PROXY_COOKIE_SECRET']);
  });

  it('can neither use the account of the process, nor do what a restricted Pod may not', () => {
    const place = '/var/run/secrets/kubernetes.io/serviceaccount';
    const name = proxy?.volumeMounts.find(({ mountPath }) => mountPath === place)?.name;
    expect(sample.extraVolumes.map((volume) => volume.name)).toContain(name);
    expect(proxy?.securityContext).toMatchObject({
      ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
    });
  });

  it('is reached by its name, from the Ingress controller only', async () => {
    const documents = parseAllDocuments(await read('samples/status-page-proxy/service.yaml'));
    const [service, policy, ingress] = documents.map((each) => z.looseObject({}).parse(each.toJS()));
    const [listening] = proxy?.ports ?? [];
    expect(argument('http-address')).toBe(`0.0.0.0:${listening?.containerPort}`);
    const labels = { 'app.kubernetes.io/name': 'imagecache-functions' };
    expect(await read('kubectl/standalone.yaml')).toMatch(
      /labels:\n {8}app\.kubernetes\.io\/name: imagecache-functions\n/,
    );
    const port = listening?.name;
    expect(service).toMatchObject({ kind: 'Service', spec: { selector: labels, ports: [{ targetPort: port }] } });
    expect(policy).toMatchObject({
      kind: 'NetworkPolicy',
      spec: {
        podSelector: { matchLabels: labels },
        ingress: [{ from: [{ namespaceSelector: {} }], ports: [{ port }] }],
      },
    });
    const host = new URL(argument('redirect-url') ?? '').host;
    expect(ingress).toMatchObject({ kind: 'Ingress', spec: { tls: [{ hosts: [host] }], rules: [{ host }] } });
  });
});
