import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { sha256 } from '../images/blob.ts';
import { packageComponent, type Component } from './cyclonedx.ts';
import type { ImageFile } from './image-files.ts';

const exec = promisify(execFile);
const isLibrary = ({ path }: ImageFile): boolean => /(^|\/)lib(64)?\//.test(path) && /\.so(\.|$)/.test(path);

/** Where a library of an image can have come from on the machine that builds it: itself, or the packages for cross compilation. */
const origins = ({ path }: ImageFile): readonly string[] => [
  join('/', path),
  ...['aarch64-linux-gnu', 'x86_64-linux-gnu'].map((triplet) => join('/usr', triplet, 'lib', basename(path))),
];

/** The Debian packages that an image's shared libraries are from: those that own the same bytes here. Where Debian is not, none. */
export const libraryPackages = async (files: readonly ImageFile[]): Promise<readonly Component[]> => {
  const found = await Promise.all(files.filter(isLibrary).map(packageOf));
  const byPurl = new Map(found.flatMap((each) => (each === undefined ? [] : [[each['bom-ref'], each] as const])));
  return [...byPurl.values()].toSorted((a, b) => (a['bom-ref'] < b['bom-ref'] ? -1 : 1));
};

const packageOf = async (file: ImageFile): Promise<Component | undefined> => {
  for (const origin of origins(file)) {
    if (!existsSync(origin) || sha256(await readFile(origin)) !== `sha256:${file.sha256}`) continue;
    const owner = await ownerOf(origin);
    if (owner !== undefined) return owner;
  }
  return undefined;
};

/** dpkg knows a file by the path that its package has, which is /usr/lib/… or, of older ones, /lib/…. */
const ownerOf = async (path: string): Promise<Component | undefined> => {
  const real = await realpath(path);
  for (const each of new Set([path, real, real.replace(/^\/usr/, ''), join('/usr', path)])) {
    const { stdout } = await exec('dpkg-query', ['--search', each]).catch(() => ({ stdout: '' }));
    const owner = /^([^,\s]+): /.exec(stdout)?.[1];
    if (owner !== undefined) return described(owner);
  }
  return undefined;
};

const described = async (owner: string): Promise<Component> => {
  const format = '${Package} ${Version} ${Architecture}';
  const { stdout } = await exec('dpkg-query', ['--show', `--showformat=${format}`, owner]);
  const [name = '', version = '', architecture = ''] = stdout.split(' ');
  const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}`;
  return packageComponent(purl, name, version);
};
