import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import manifest from '../../../../package.json' with { type: 'json' };
import simulator from '../../../../deploy/simulator/package.json' with { type: 'json' };
import { bundledPackages, type NpmBom, npmSbom } from '../../../../deploy/tools/release/sbom.ts';
import { imageSbom, inputsOf, platformImages } from '../../../../deploy/tools/release/image-sbom.ts';
import { provenanceOf } from '../../../../deploy/tools/release/provenance.ts';
import { noopImage } from '../../../../deploy/tools/images/make-images.ts';

const root = join(import.meta.dirname, '../../../..');

describe('the SBOM of the source', () => {
  let bom: NpmBom;
  let names: ReadonlySet<string>;
  beforeAll(async () => {
    bom = await npmSbom();
    names = new Set(bom.components.map(({ name, version }) => `${name}@${version}`));
  }, 60_000);

  it('is CycloneDX', () => {
    expect(bom).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.5' });
  });

  it('names every production dependency with its version and package URL', () => {
    const direct = Object.entries({
      ...manifest.dependencies,
      ...manifest.optionalDependencies,
      ...simulator.dependencies,
    });
    expect(
      direct
        .map(([name, version]) => `${name}@${version}`)
        .filter((each) => !names.has(each) && !each.startsWith(simulator.name)),
    ).toEqual([]);
    expect(bom.components.filter(({ purl }) => !purl.startsWith('pkg:npm/'))).toEqual([]);
  });

  it('includes transitive dependencies that development shares', () => {
    const dependsOn = (name: string) =>
      bom.dependencies
        .find(({ ref }) => ref.startsWith(`${name}@`))
        ?.dependsOn?.map((ref) => ref.replace(/@[^@]*$/, ''));
    expect(dependsOn('prom-client')).toEqual(expect.arrayContaining(['@opentelemetry/api', 'tdigest']));
  });

  it('omits what only development needs', () => {
    const only = ['eslint', 'vitest', 'typescript', 'esbuild', 'playwright-core', 'fast-check'];
    expect(bom.components.map(({ name }) => name).filter((name) => only.includes(name))).toEqual([]);
  });

  it('names every package with code in the functions image', async () => {
    const bundled = await bundledPackages();
    expect(bundled.filter((each) => !names.has(each))).toEqual([]);
    expect(bundled).toEqual(
      expect.arrayContaining([`zod@${manifest.dependencies.zod}`, `pino@${manifest.dependencies.pino}`]),
    );
  }, 60_000);
});

describe('the SBOM of an image', () => {
  it('has the digest of the image, and the hash of every file', async () => {
    const artifact = await noopImage();
    const images = await platformImages(artifact);
    expect(images.map(({ architecture }) => architecture)).toEqual(['amd64', 'arm64']);
    const sums = readFileSync(join(root, 'deploy/noop/SHA256SUMS'), 'utf8');
    for (const image of images) {
      const { metadata, components } = await imageSbom({ name: 'imagecache-noop', version: '1.2.3' }, image, []);
      expect(metadata.component).toMatchObject({ type: 'container', name: 'imagecache-noop', version: '1.2.3' });
      expect(metadata.component.purl).toBe(
        `pkg:oci/imagecache-noop@${encodeURIComponent(image.digest)}?arch=${image.architecture}`,
      );
      const sha256 = new RegExp(`^(\\S+) {2}noop-${image.architecture}$`, 'm').exec(sums)?.[1];
      expect(components).toMatchObject([{ type: 'file', name: 'noop', hashes: [{ alg: 'SHA-256', content: sha256 }] }]);
      expect(await inputsOf(image)).toEqual([]);
    }
  });

  it.each(['amd64', 'arm64'] as const)(
    'names each input for %s with its digest, as its provenance does',
    async (of) => {
      const pinned = readFileSync(join(root, 'deploy/tools/images/runtime/INPUTS-SHA256SUMS'), 'utf8')
        .split('\n')
        .filter((line) => line.includes(of === 'amd64' ? 'x64@' : 'arm64@') || line.endsWith(`_${of}.deb`))
        .map((line) => line.split('  '));
      expect(pinned).toHaveLength(4);
      const image = { architecture: of, digest: 'sha256:0', files: [{ path: 'bin/node', sha256: '0' }] };
      const { components } = await imageSbom({ name: 'imagecache-functions', version: '1.2.3' }, image, []);
      const billed = components.flatMap(({ type, hashes = [] }) => (type === 'library' ? hashes : []));
      expect(billed.map(({ content }) => content)).toEqual(pinned.map(([sha256]) => sha256));
      const built = { source: 'https://git.example.com/me', version: '1.2.3', architecture: of };
      const { resolvedDependencies } = provenanceOf(built, await inputsOf(image)).buildDefinition;
      expect(resolvedDependencies.map(({ name, digest }) => [digest.sha256, name])).toEqual(pinned);
      expect(resolvedDependencies.map(({ uri }) => uri)).toEqual(
        components.flatMap(({ purl, hashes }) => (hashes === undefined || purl === undefined ? [] : [purl])),
      );
    },
  );
});
