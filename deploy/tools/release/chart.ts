import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isScalar, parseDocument, type Document } from 'yaml';

const exec = promisify(execFile);
const source = join(import.meta.dirname, '../../helm');

/** An image by repository and digest, as values of the chart name it. */
export type ChartImage = { readonly repository: string; readonly digest: string };
export type ChartImages = { readonly functions: ChartImage; readonly noop: ChartImage };

/** The values with these images: by digest, so that nobody can put others under their tags. All else stays to the letter. */
export const valuesWith = (values: string, images: ChartImages): string => {
  const document = parseDocument(values);
  const edits = Object.entries(images).flatMap(([name, image]) =>
    Object.entries(image).map(([field, text]) => ({ ...placeOf(document, ['images', name, field]), text })),
  );
  return edits
    .toSorted((a, b) => b.start - a.start)
    .reduce((text, edit) => text.slice(0, edit.start) + JSON.stringify(edit.text) + text.slice(edit.end), values);
};

const placeOf = (document: Document, path: readonly string[]): { readonly start: number; readonly end: number } => {
  const node = document.getIn(path, true);
  if (!isScalar(node) || !node.range) throw new Error(`the chart has no value ${path.join('.')}`);
  const [start, end] = node.range;
  return { start, end };
};

/** Packages the chart with these images into `folder`; answers with the file's path. */
export const packageChart = async (images: ChartImages, folder: string): Promise<string> => {
  const work = await mkdtemp(join(tmpdir(), 'imagecache-chart-'));
  try {
    const chart = join(work, 'imagecache-functions');
    await cp(source, chart, { recursive: true });
    const values = join(chart, 'values.yaml');
    await writeFile(values, valuesWith(await readFile(values, 'utf8'), images));
    const { stdout } = await exec('helm', ['package', chart, '--destination', folder]);
    const file = /saved it to: (.+)$/m.exec(stdout)?.[1];
    if (file === undefined) throw new Error(`helm package did not say where the chart is: ${stdout}`);
    return file;
  } finally {
    await rm(work, { recursive: true });
  }
};

/** Pushes a packaged chart below `charts` of the registry; answers with its digest. */
export const pushChart = async (
  file: string,
  { registry, isInsecure }: { readonly registry: string; readonly isInsecure: boolean },
): Promise<string> => {
  const args = ['push', file, `oci://${registry}/charts`, ...(isInsecure ? ['--plain-http'] : [])];
  const { stdout, stderr } = await exec('helm', args);
  const digest = /^Digest: (sha256:[0-9a-f]{64})$/m.exec(`${stdout}\n${stderr}`)?.[1];
  if (digest === undefined) throw new Error(`helm push did not say the chart's digest: ${stdout}${stderr}`);
  return digest;
};
