import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Lab } from '../../../cluster/lab.ts';
import { sharedLab } from '../../../cluster/shared-lab.ts';

let lab: Lab;
beforeAll(async () => {
  lab = await sharedLab();
});

const main = join(import.meta.dirname, '../../../../deploy/tools/images/main.ts');

/** `npm run images`, inside the lab's network where its registry is; returns the references that it prints. */
const images = async (...args: readonly string[]) => {
  const child = lab.enter('node', [main, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  if (child.stdout === null) throw new Error('node was started without a pipe');
  return (await text(child.stdout)).trim().split('\n');
};

/** The reference by which nodes know what was pushed to the registry's address. */
const pulled = (reference = '') => reference.replace('172.30.0.1', 'registry.local');

const restricted = {
  runAsNonRoot: true,
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
};

const runs = async (name: string, spec: object) => {
  const metadata = { name, namespace: 'default' };
  const pod = { restartPolicy: 'Never', nodeName: 'node1', automountServiceAccountToken: false, ...spec };
  await lab.apply({ apiVersion: 'v1', kind: 'Pod', metadata, spec: pod });
  const { stderr } = await lab.kubectl(
    'wait',
    '--for=jsonpath={.status.phase}=Succeeded',
    `pod/${name}`,
    '--timeout=90s',
  );
  expect(stderr).toBe('');
};

describe('the noop image on a real node', () => {
  it('exits 0, and copies itself into another image, which it then runs in', async () => {
    const [reference] = await images('172.30.0.1:5000', '--only', 'noop');
    const scratch = await lab.pushImage({ name: 'noop-guest:1', program: 'scratch' });
    const volumeMounts = [{ name: 'tool', mountPath: '/imagecache' }];
    await runs('noop', {
      securityContext: { runAsUser: 65532 },
      initContainers: [
        {
          name: 'copy',
          image: pulled(reference),
          args: ['copy', '/imagecache/noop'],
          securityContext: restricted,
          volumeMounts,
        },
      ],
      containers: [
        { name: 'itself', image: pulled(reference), securityContext: restricted },
        { name: 'guest', image: scratch, command: ['/imagecache/noop'], securityContext: restricted, volumeMounts },
      ],
      volumes: [{ name: 'tool', emptyDir: {} }],
    });
  });

  it('is read by containerd from an archive', async () => {
    const archive = `${lab.logs}/noop.tar`;
    const [reference = ''] = await images('archive.example', '--only', 'noop', '--output', archive);
    await lab.node(1, 'ctr', '-n', 'k8s.io', 'images', 'import', '--all-platforms', archive);
    expect(await lab.images(1)).toContain(reference.split('@', 1)[0]);
  });
});

describe('the functions image on a real node', () => {
  it('runs Node 24 with its own libraries, as nonroot, on a read-only root', async () => {
    const [reference] = await images('172.30.0.1:5000', '--only', 'functions');
    const program = `process.stdout.write(process.version + ' ' + process.getuid() + ' ' + require('fs').readdirSync('/app').filter((name) => !name.startsWith('chunk')))`;
    await runs('node', {
      containers: [{ name: 'node', image: pulled(reference), args: ['-e', program], securityContext: restricted }],
    });
    const [version, uid, files = ''] = (await lab.ask('logs', 'node')).split(' ');
    expect({ version, uid }).toEqual({ version: process.version, uid: '65532' });
    expect(files.split(',')).toEqual(
      expect.arrayContaining(['functions.mjs', 'removal.mjs', 'sources.mjs', 'standalone.mjs']),
    );
  });
});
