import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isScalar, parseDocument } from 'yaml';

const exec = promisify(execFile);
const source = join(import.meta.dirname, '../../helm');

/** An image as the chart's values name it. */
export type ChartImage = { readonly repository: string; readonly digest: string };
export type ChartImages = { readonly functions: ChartImage; readonly noop: ChartImage };

/** The values with these images by digest, which nobody can replace as they can a tag. Comments are kept. */
export const valuesWith = (values: string, images: ChartImages): string => {
  const document = parseDocument(values);
  for (const [name, image] of Object.entries(images))
    for (const [field, value] of Object.entries(image)) {
      const node = document.getIn(['images', name, field], true);
      if (!isScalar(node)) throw new Error(`the chart has no value images.${name}.${field}`);
      node.value = value;
    }
  return document.toString({ lineWidth: 0, flowCollectionPadding: false, indentSeq: false });
};

/** Packages the chart with these images into `folder`; returns the file's path. */
export const packageChart = async (images: ChartImages, folder: string): Promise<string> => {
  const work = await mkdtemp(join(tmpdir(), 'imagecache-chart-'));
  try {
    const chart = join(work, 'imagecache-functions');
    await cp(source, chart, { recursive: true });
    const values = join(chart, 'values.yaml');
    await writeFile(values, valuesWith(await readFile(values, 'utf8'), images));
    const { stdout } = await exec('helm', ['package', chart, '--destination', folder]);
    const file = /saved it to: (.+)$/m.exec(stdout)?.[1];
    if (file === undefined) throw new Error(`helm package did not print the chart's path: ${stdout}`);
    return file;
  } finally {
    await rm(work, { recursive: true });
  }
};

/** Pushes a packaged chart below `charts` of the registry; returns its digest. */
export const pushChart = async (
  file: string,
  { registry, isInsecure }: { readonly registry: string; readonly isInsecure: boolean },
): Promise<string> => {
  const args = ['push', file, `oci://${registry}/charts`, ...(isInsecure ? ['--plain-http'] : [])];
  const { stdout, stderr } = await exec('helm', args);
  const digest = /^Digest: (sha256:[0-9a-f]{64})$/m.exec(`${stdout}\n${stderr}`)?.[1];
  if (digest === undefined) throw new Error(`helm push did not print the chart's digest: ${stdout}${stderr}`);
  return digest;
};
