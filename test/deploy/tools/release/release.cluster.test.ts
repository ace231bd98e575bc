import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import * as z from 'zod/mini';
import { goPrograms } from '../../../cluster/go-programs.ts';
import { labSettings } from '../../../cluster/lab-script.ts';
import { runWell } from '../../../cluster/run.ts';
import { startRegistry, type RegistryProcess } from './registry-process.ts';

const root = join(import.meta.dirname, '../../../..');
const tools = join(import.meta.dirname, 'tools');
const version = '9.8.7';
const source = 'https://git.example.com/me/imagecache-functions';

const release = z.object({
  version: z.string(),
  images: z.array(
    z.object({
      repository: z.string(),
      digest: z.string(),
      sbom: z.optional(z.string()),
      provenance: z.optional(z.string()),
    }),
  ),
  chart: z.object({ repository: z.string(), digest: z.string() }),
  files: z.array(z.object({ name: z.string(), sha256: z.string() })),
});
const bom = z.object({
  components: z.array(
    z.object({
      type: z.string(),
      name: z.string(),
      purl: z.optional(z.string()),
      hashes: z.optional(z.array(z.object({ content: z.string() }))),
    }),
  ),
});

const provenance = z.object({
  buildDefinition: z.object({
    externalParameters: z.record(z.string(), z.string()),
    resolvedDependencies: z.array(z.object({ digest: z.object({ sha256: z.string() }) })),
  }),
});

let folder: string;
let checkout: string;
let registry: RegistryProcess;
let env: NodeJS.ProcessEnv;
let released: z.infer<typeof release>;

const run = (command: string, ...args: readonly string[]) => runWell(command, args, { env, timeout: 600_000 });
const inCheckout = (command: string, ...args: readonly string[]) => run('env', '-C', checkout, command, ...args);
const output = (name = '') => join(checkout, 'dist/release', name);
const read = (name: string) => readFile(output(name), 'utf8');

/** A checkout of the working tree with another version, as a release is built from. */
async function bumpedCheckout(): Promise<void> {
  const files = await run('git', '-C', root, 'ls-files', '-z', '--cached', '--others', '--exclude-standard');
  for (const path of files.split('\0').filter(Boolean)) {
    await mkdir(dirname(join(checkout, path)), { recursive: true });
    await cp(join(root, path), join(checkout, path));
  }
  await inCheckout('git', 'init', '--quiet');
  await inCheckout('git', 'add', '.');
  await inCheckout('git', 'commit', '--quiet', '--message=Everything');
  await symlink(join(root, 'node_modules'), join(checkout, 'node_modules'));
  await inCheckout('git', 'config', 'core.excludesFile', await excludes());
  await inCheckout('npm', 'version', version);
}

/** .gitignore means a folder of this name, and here it is a link. */
async function excludes(): Promise<string> {
  const file = join(folder, 'excludes');
  await writeFile(file, 'node_modules\n');
  return file;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'imagecache-release-'));
  checkout = join(folder, 'checkout');
  const temporary = join(folder, 'tmp');
  await mkdir(temporary);
  const { env: labs } = await labSettings({ folder });
  const committer = {
    GIT_AUTHOR_NAME: 'a',
    GIT_AUTHOR_EMAIL: 'a@b.c',
    GIT_COMMITTER_NAME: 'a',
    GIT_COMMITTER_EMAIL: 'a@b.c',
  };
  env = { ...labs, ...committer, HELM_REGISTRY_CONFIG: join(folder, 'helm.json'), TMPDIR: temporary };
  registry = await startRegistry(folder, env);
  await bumpedCheckout();
  const printed = await inCheckout(
    'npm',
    'run',
    '--silent',
    'release',
    '--',
    `${registry.host}/team`,
    '--source',
    source,
    '--insecure',
  );
  released = release.parse(JSON.parse(await read('release.json')));
  const { images, chart } = released;
  expect(printed).toBe([...images, chart].map(({ repository, digest }) => `${repository}@${digest}\n`).join(''));
});
afterAll(async () => {
  registry.stop();
  await rm(folder, { recursive: true });
});

describe('npm version', () => {
  it('commits and tags the version in every file, and names the section of the changelog', async () => {
    expect(await inCheckout('git', 'tag')).toBe(`v${version}\n`);
    expect(await inCheckout('git', 'status', '--porcelain')).toBe('');
    const changed = await inCheckout('git', 'show', '--format=', '--name-only');
    const expected = [
      'package.json',
      'package-lock.json',
      'stack.yml',
      'deploy/helm/Chart.yaml',
      'deploy/kubectl/standalone.yaml',
    ];
    expect(changed.split('\n')).toEqual(expect.arrayContaining(expected));
    expect(await readFile(join(checkout, 'CHANGELOG.md'), 'utf8')).toMatch(/^## 9\.8\.7 \(\d{4}-\d\d-\d\d\)$/m);
  });
});

describe('a release', () => {
  it('has complete images for two architectures in the registry', async () => {
    for (const name of ['imagecache-functions', 'imagecache-noop']) {
      const reference = `${registry.host}/team/${name}`;
      expect(await run('crane', 'digest', '--insecure', `${reference}:${version}`)).toBe(
        `${released.images.find(({ repository }) => repository === reference)?.digest ?? ''}\n`,
      );
      await run('crane', 'validate', '--insecure', '--remote', `${reference}:${version}`);
      const index: unknown = JSON.parse(await run('crane', 'manifest', '--insecure', `${reference}:${version}`));
      expect(index).toMatchObject({
        manifests: [{ platform: { architecture: 'amd64' } }, { platform: { architecture: 'arm64' } }],
      });
    }
  });

  it('has an SBOM for each image with the hash of every file, and the packages they are from', async () => {
    const billed = released.images.flatMap(({ sbom, ...image }) => (sbom === undefined ? [] : [{ ...image, sbom }]));
    expect(billed.map(({ sbom }) => sbom)).toEqual(
      ['functions', 'noop'].flatMap((name) =>
        ['amd64', 'arm64'].map((architecture) => `imagecache-${name}-${version}-${architecture}.cdx.json`),
      ),
    );
    for (const { repository, digest, sbom } of billed) {
      const { components } = bom.parse(JSON.parse(await read(sbom)));
      const unpacked = join(folder, sbom.replace('.cdx.json', ''));
      await mkdir(unpacked);
      await run('sh', '-c', `crane export --insecure ${repository}@${digest} - | tar -x -C ${unpacked}`);
      const sums = await run('sh', '-c', `cd ${unpacked} && find * -type f -exec sha256sum {} +`);
      const billedFiles = components.filter(({ type }) => type === 'file');
      expect(billedFiles.map(({ name, hashes = [] }) => `${hashes[0]?.content ?? ''}  ${name}`).toSorted()).toEqual(
        sums.trim().split('\n').toSorted(),
      );
      const packages = components.flatMap(({ purl }) => purl?.replace(/@.*/, '') ?? []);
      const expected = ['pkg:generic/node', 'pkg:generic/openssl', 'pkg:npm/zod', 'pkg:npm/prom-client'];
      if (sbom.includes('functions')) expect(packages).toEqual(expect.arrayContaining(expected));
      if (sbom.includes('functions'))
        expect(packages.filter((each) => each.startsWith('pkg:deb/debian/libc6'))).toHaveLength(1);
    }
  });

  it('has the provenance of each image that is built from more than the repository, with the digests', async () => {
    const proven = released.images.flatMap(({ provenance }) => provenance ?? []);
    expect(proven).toEqual(
      ['amd64', 'arm64'].map((architecture) => `imagecache-functions-${version}-${architecture}.provenance.json`),
    );
    for (const name of proven) {
      const { buildDefinition } = provenance.parse(JSON.parse(await read(name)));
      expect(buildDefinition.externalParameters).toMatchObject({ source, version });
      const digests = buildDefinition.resolvedDependencies.map(({ digest }) => digest.sha256);
      expect(digests.filter((digest) => /^[0-9a-f]{64}$/.test(digest))).toHaveLength(4);
    }
  });

  it('has a chart that can be pulled and names its images by their digests', async () => {
    const args = ['--plain-http', '--version', version, '--destination', folder];
    const pulled = await run('helm', 'pull', `oci://${registry.host}/team/charts/imagecache-functions`, ...args);
    expect(pulled).toBe('');
    const chart = join(folder, `imagecache-functions-${version}.tgz`);
    expect(await readFile(chart)).toEqual(await readFile(output(`imagecache-functions-${version}.tgz`)));
    expect(parse(await run('helm', 'show', 'chart', chart))).toMatchObject({ version, appVersion: version });
    const manifests = await run('helm', 'template', 'x', chart);
    const used = new Set(manifests.match(/[^\s"']+\/imagecache-(functions|noop)[@:][^\s"',]+/g));
    const byDigest = released.images
      .filter(({ sbom }) => sbom === undefined)
      .map(({ repository, digest }) => `${repository}@${digest}`);
    expect([...used].toSorted()).toEqual(byDigest.toSorted());
  });

  it('has a plugin that krew installs and that runs', async () => {
    const manifest = output('imagecache.krew.yaml');
    const archive = output(`kubectl-imagecache-${version}.tar.gz`);
    expect(parse(await read('imagecache.krew.yaml'))).toMatchObject({
      spec: { platforms: [{ uri: `${source}/releases/download/v${version}/kubectl-imagecache-${version}.tar.gz` }] },
    });
    const home = join(folder, 'krew');
    const krew = join(await goPrograms(tools, 'tool'), 'krew');
    await run('env', `KREW_ROOT=${home}`, krew, 'install', `--manifest=${manifest}`, `--archive=${archive}`);
    expect(await run(join(home, 'bin/kubectl-imagecache'), '--help')).toContain('kubectl imagecache COMMAND');
  });

  it('has checksums of all its files, and the notes of its version', async () => {
    await run('env', '-C', output(), 'sha256sum', '--check', '--strict', 'SHA256SUMS');
    expect((await read('SHA256SUMS')).trim().split('\n')).toHaveLength(released.files.length);
    expect(await read('notes.md')).toContain('kube-fledged');
    expect(await read('notes.md')).not.toContain('##');
  });
});

it('leaves nothing of its own in the folder for temporary files', async () => {
  const left = await readdir(join(folder, 'tmp'));
  expect(left.filter((name) => name.startsWith('imagecache-'))).toEqual([]);
});
