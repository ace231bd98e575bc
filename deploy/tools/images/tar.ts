import { buffer } from 'node:stream/consumers';
import { pack, type Header } from 'tar-stream';

/** A file, or a folder where there is no content; `path` is relative to the root. */
export type Entry = { readonly path: string; readonly mode: number; readonly content?: Buffer };

const ancestors = (path: string): readonly string[] => {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
};

/** All entries and the folders that they are in, sorted, each once. */
const withFolders = (entries: readonly Entry[]): readonly Entry[] => {
  const folders = entries.flatMap(({ path }) => ancestors(path)).map((path): Entry => ({ path, mode: 0o755 }));
  const byPath = new Map([...folders, ...entries].map((entry) => [entry.path, entry]));
  return [...byPath.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1));
};

const headerOf = ({ path, mode, content }: Entry): Partial<Header> & Pick<Header, 'name'> => ({
  name: content === undefined ? `${path}/` : path,
  type: content === undefined ? 'directory' : 'file',
  mode,
  mtime: new Date(0),
  uid: 0,
  gid: 0,
  uname: '',
  gname: '',
});

/** A tar of which the same entries, in whatever order, make the same bytes: sorted, owned by root, from 1970. */
export const tar = async (entries: readonly Entry[]): Promise<Buffer> => {
  const archive = pack();
  for (const entry of withFolders(entries)) archive.entry(headerOf(entry), entry.content ?? Buffer.alloc(0));
  archive.finalize();
  return buffer(archive);
};
