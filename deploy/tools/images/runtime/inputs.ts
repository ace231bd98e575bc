import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Architecture } from '../oci.ts';

/** What the functions image is built from besides the files of this repository. */
export type Input = {
  /** As INPUTS-SHA256SUMS names it: an npm package with a path in it, or the path of a package on snapshot.debian.org. */
  readonly name: string;
  /** 64 hexadecimal digits. */
  readonly sha256: string;
  readonly kind: 'node' | 'debian';
  readonly architecture: Architecture;
  readonly package: string;
  readonly version: string;
  /** Package URL, https://github.com/package-url/purl-spec */
  readonly purl: string;
};

const list = join(import.meta.dirname, 'INPUTS-SHA256SUMS');

/** The inputs for an architecture, Node first. */
export const inputsFor = async (architecture: Architecture): Promise<readonly Input[]> =>
  parseInputs(await readFile(list, 'utf8')).filter((input) => input.architecture === architecture);

/** Parses lines of sha256sum. Throws for a name that is no input. */
export const parseInputs = (sums: string): readonly Input[] =>
  sums
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, sha256 = '', name = ''] = /^([0-9a-f]{64}) {2}(\S+)$/.exec(line) ?? [];
      const input = nodeInput(name, sha256) ?? debianInput(name, sha256);
      if (input === undefined) throw new Error(`INPUTS-SHA256SUMS has a line that names no input: ${line}`);
      return input;
    });

const nodeInput = (name: string, sha256: string): Input | undefined => {
  const [, id = '', processor, version = ''] = /^(node-linux-(x64|arm64))@([\d.]+)\/bin\/node$/.exec(name) ?? [];
  if (id === '') return undefined;
  const architecture = processor === 'x64' ? 'amd64' : 'arm64';
  return { name, sha256, kind: 'node', architecture, package: id, version, purl: `pkg:npm/${id}@${version}#bin/node` };
};

const debianPath =
  /^debian(?:-security)?\/\d{8}T\d{6}Z\/pool\/(?:[\w.+-]+\/)+([a-z0-9.+-]+)_([^_/]+)_(amd64|arm64)\.deb$/;

const debianInput = (name: string, sha256: string): Input | undefined => {
  const [, id = '', version = '', processor] = debianPath.exec(name) ?? [];
  if (id === '') return undefined;
  const architecture = processor === 'amd64' ? 'amd64' : 'arm64';
  const purl = `pkg:deb/debian/${encodeURIComponent(id)}@${encodeURIComponent(version)}?arch=${architecture}`;
  return { name, sha256, kind: 'debian', architecture, package: id, version, purl };
};

/** Throws unless these bytes, which are from `origin`, are the input. */
export const verify = (input: Input, bytes: Buffer, origin: string): void => {
  const found = createHash('sha256').update(bytes).digest('hex');
  if (found !== input.sha256)
    throw new Error(
      `${origin} is not ${input.name} of INPUTS-SHA256SUMS: its SHA-256 is ${found}, not ${input.sha256}`,
    );
};
