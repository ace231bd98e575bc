import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { podCredentials } from '#runtime/api/pod-credentials.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pod-'));
  await writeFile(join(folder, 'token'), 'first\n');
  await writeFile(join(folder, 'ca.crt'), 'PEM');
  await writeFile(join(folder, 'namespace'), 'tools');
});
afterEach(async () => {
  vi.useRealTimers();
  await rm(folder, { recursive: true });
});

const inPod = { kubeconfig: '', master: '', inCluster: true };
const pod = (host = '10.96.0.1') => ({
  env: { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: '6443' },
  folder,
});

describe('podCredentials', () => {
  it.each([
    { host: '10.96.0.1', server: 'https://10.96.0.1:6443/' },
    { host: 'fd00::1', server: 'https://[fd00::1]:6443/' },
  ])('are those of the service account, for the server at $host', async ({ host, server }) => {
    const credentials = podCredentials(inPod, pod(host));
    expect(credentials).toMatchObject({ context: 'in-cluster', namespace: 'tools' });
    expect(credentials.server.href).toBe(server);
    expect(await credentials.authorise()).toEqual({
      headers: { Authorization: 'Bearer first' },
      auth: undefined,
      tls: { ca: Buffer.from('PEM'), rejectUnauthorized: true },
      proxy: undefined,
    });
  });

  it('use a rotated token within a minute', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { authorise } = podCredentials(inPod, pod());
    await authorise();
    await writeFile(join(folder, 'token'), 'second');
    expect((await authorise()).headers).toEqual({ Authorization: 'Bearer first' });
    vi.setSystemTime(Date.now() + 61_000);
    expect((await authorise()).headers).toEqual({ Authorization: 'Bearer second' });
  });

  it('go to the server of --master where one is given', () => {
    expect(podCredentials({ ...inPod, master: 'https://api.example:1' }, pod()).server.host).toBe('api.example:1');
  });

  it.each([
    { inCluster: true, server: 'https://127.0.0.1:6443/' },
    { inCluster: false, server: 'http://127.0.0.1:6443/' },
  ])('go to $server for a --master without a scheme, as in client-go', ({ inCluster, server }) => {
    expect(podCredentials({ ...inPod, inCluster, master: '127.0.0.1:6443' }, pod()).server.href).toBe(server);
  });

  it('are anonymous outside a pod, for the server of --master', async () => {
    const credentials = podCredentials({ ...inPod, inCluster: false, master: 'http://127.0.0.1:1' }, pod());
    expect(credentials.context).toBe('master');
    expect((await credentials.authorise()).headers).toEqual({});
  });

  it('report what is missing', async () => {
    expect(() => podCredentials({ ...inPod, inCluster: false }, pod())).toThrow('no cluster is named');
    await rm(join(folder, 'token'));
    expect(() => podCredentials(inPod, pod())).toThrow('no service account token');
  });
});
