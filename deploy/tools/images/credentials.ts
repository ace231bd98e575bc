import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** What follows `Basic ` in an Authorization header: base64 of user:password. */
export type Basic = string;

type Environment = Readonly<Record<string, string | undefined>>;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** What docker login wrote for a host: under its name, or for Docker Hub under its old address. Credential helpers are not asked. */
export const basicIn = (config: unknown, host: string): Basic | undefined => {
  const auths = isRecord(config) ? config['auths'] : undefined;
  if (!isRecord(auths)) return undefined;
  const names =
    host === 'docker.io' ? [host, 'https://index.docker.io/v1/'] : [host, `https://${host}`, `http://${host}`];
  const found = names.map((name) => auths[name]).find(isRecord);
  return typeof found?.['auth'] === 'string' && found['auth'] !== '' ? found['auth'] : undefined;
};

const readConfig = async (environment: Environment): Promise<unknown> => {
  const path = join(environment['DOCKER_CONFIG'] ?? join(homedir(), '.docker'), 'config.json');
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new Error(`cannot read ${path}`, { cause: error });
  }
};

/** Who we are to a registry: REGISTRY_USER and REGISTRY_PASSWORD, else what docker login wrote; undefined is nobody. */
export const credentialsFor = async (host: string, environment: Environment): Promise<Basic | undefined> => {
  const { REGISTRY_USER: user, REGISTRY_PASSWORD: password } = environment;
  if (user !== undefined && password !== undefined) return Buffer.from(`${user}:${password}`).toString('base64');
  return basicIn(await readConfig(environment), host);
};
