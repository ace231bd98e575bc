import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { eventually } from '../../../behaviour/eventually.ts';

export type RegistryProcess = {
  /** 127.0.0.1:port */
  readonly host: string;
  readonly stop: () => void;
};

/** The lab's registry program, open to all, on a port of its own; `folder` is where it keeps what is pushed. */
export async function startRegistry(folder: string, env: NodeJS.ProcessEnv): Promise<RegistryProcess> {
  const host = `127.0.0.1:${await freePort()}`;
  const config = join(folder, 'registry.json');
  const storage = { filesystem: { rootdirectory: join(folder, 'registry') } };
  await writeFile(config, JSON.stringify({ version: 0.1, log: { level: 'error' }, storage, http: { addr: host } }));
  const child = spawn('registry', ['serve', config], { env, stdio: 'ignore' });
  const answers = async (): Promise<boolean> => (await fetch(`http://${host}/v2/`).catch(() => undefined))?.ok === true;
  await eventually(`the registry on ${host} answers`, answers);
  return { host, stop: () => void child.kill() };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
