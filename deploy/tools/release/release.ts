import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { version } from '#runtime/version.ts';
import type { NamedArtifact } from '../images/oci.ts';
import { makeImages } from '../images/make-images.ts';
import { bundledComponents, type NpmBom, npmSbom } from './sbom.ts';
import { notesOf } from './versions.ts';
import { type ChartImage, packageChart, pushChart } from './chart.ts';
import { imageSbom, inputsOf, platformImages } from './image-sbom.ts';
import { krewManifest, pluginArchive } from './plugin.ts';
import type { ReleaseOptions } from './options.ts';
import { provenanceOf } from './provenance.ts';
import { type ReleasedFile, releaseFolder, type ReleaseFolder } from './release-folder.ts';

const root = join(import.meta.dirname, '../../..');

/** The artifacts to sign, by digest, and the files for the release page. */
export type Release = {
  readonly version: string;
  /** Indexes, and the images of one architecture, whose `sbom` and `provenance` are of `files`. */
  readonly images: readonly ReleasedImage[];
  readonly chart: { readonly repository: string; readonly digest: string };
  readonly files: readonly ReleasedFile[];
};

type ReleasedImage = {
  readonly repository: string;
  readonly digest: string;
  readonly sbom?: string;
  readonly provenance?: string;
};

/** Builds and pushes a release of the version in package.json. `note` reports progress. */
export const release = async (options: ReleaseOptions, note: (line: string) => void): Promise<Release> => {
  const notes = notesOf(await readFile(join(root, 'CHANGELOG.md'), 'utf8'), version);
  const folder = await releaseFolder(options.output);
  await folder.put('notes.md', `${notes}\n`);

  note('SBOM of the source');
  const npm = await npmSbom();
  await folder.put(`imagecache-functions-${version}.cdx.json`, json(npm));

  const { registry, architectures, isInsecure } = options;
  const selection = { registry, architectures, isInsecure, output: undefined, only: undefined };
  const artifacts = await makeImages(selection, note);
  const images = await withStatements(artifacts, { npm, folder, source: options.source });

  note('chart');
  const [functions, noop] = artifacts.map(chartImage);
  if (functions === undefined || noop === undefined) throw new Error('expected two images');
  const file = await packageChart({ functions, noop }, options.output);
  await folder.take(basename(file));
  const digest = await pushChart(file, options);

  note('kubectl plugin');
  const archive = `kubectl-imagecache-${version}.tar.gz`;
  const sha256 = await folder.put(archive, await pluginArchive());
  const uri = `${options.source}/releases/download/v${version}/${archive}`;
  await folder.put('imagecache.krew.yaml', krewManifest({ version, source: options.source, uri, sha256 }));
  await folder.put('imagecache-crd.yaml', await readFile(join(root, 'crds/imagecache.yaml')));

  const chart = { repository: `${registry}/charts/imagecache-functions`, digest };
  const released = { version, images, chart, files: folder.files() };
  await writeFile(
    join(options.output, 'SHA256SUMS'),
    released.files.map(({ name, sha256: sum }) => `${sum}  ${name}\n`).join(''),
  );
  await writeFile(join(options.output, 'release.json'), json(released));
  return released;
};

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

const repositoryOf = ({ reference }: NamedArtifact): string => reference.slice(0, reference.lastIndexOf(':'));

const chartImage = (image: NamedArtifact): ChartImage => ({
  repository: repositoryOf(image),
  digest: image.artifact.root.descriptor.digest,
});

type Statements = { readonly npm: NpmBom; readonly folder: ReleaseFolder; readonly source: string };

/** Each index, and its images of one architecture with their SBOM and, if it has inputs from outside, their provenance. */
const withStatements = async (
  artifacts: readonly NamedArtifact[],
  { npm, folder, source }: Statements,
): Promise<readonly ReleasedImage[]> => {
  const packages = await bundledComponents(npm);
  const images: ReleasedImage[] = [];
  for (const named of artifacts) {
    const repository = repositoryOf(named);
    images.push({ repository, digest: named.artifact.root.descriptor.digest });
    for (const image of await platformImages(named.artifact)) {
      const name = basename(repository);
      const { architecture, digest } = image;
      const sbom = `${name}-${version}-${architecture}.cdx.json`;
      await folder.put(sbom, json(await imageSbom({ name, version }, image, packages)));
      const inputs = await inputsOf(image);
      const provenance = `${name}-${version}-${architecture}.provenance.json`;
      if (inputs.length > 0)
        await folder.put(provenance, json(provenanceOf({ source, version, architecture }, inputs)));
      images.push({ repository, digest, sbom, ...(inputs.length > 0 ? { provenance } : {}) });
    }
  }
  return images;
};
