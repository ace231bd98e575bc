import { readFile } from 'node:fs/promises';
import { request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { parse } from 'yaml';
import { isObject, listAt, objectAt, textAt } from '../../../deploy/simulator/json.ts';

export type Answer = {
  readonly status: number;
  /** The parsed body; its text where it is not JSON. */
  readonly body: unknown;
  readonly warnings: readonly string[];
};

type Sent = {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly type?: string;
  readonly accept?: string;
};

export type ApiClient = (sent: Sent) => Promise<Answer>;

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};

const fileOrData = async (object: unknown, field: string): Promise<Buffer | undefined> => {
  const [file, data] = [textAt(object, field), textAt(object, `${field}-data`)];
  if (data !== '') return Buffer.from(data, 'base64');
  return file === '' ? undefined : readFile(file);
};

/** Plain requests to the cluster of a kubeconfig, nothing retried and nothing interpreted. */
export const apiClient = async (kubeconfig: string): Promise<ApiClient> => {
  const config: unknown = parse(await readFile(kubeconfig, 'utf8'));
  const cluster = objectAt(listAt(config, 'clusters')[0], 'cluster');
  const user = objectAt(listAt(config, 'users')[0], 'user');
  const tls = {
    ca: await fileOrData(cluster, 'certificate-authority'),
    cert: await fileOrData(user, 'client-certificate'),
    key: await fileOrData(user, 'client-key'),
  };
  const server = textAt(cluster, 'server');
  const send = server.startsWith('https:') ? tlsRequest : plainRequest;
  return ({ method, path, body, type = 'application/json', accept = 'application/json' }) =>
    new Promise((resolve, reject) => {
      const bytes = body === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(body));
      const headers = {
        accept,
        ...(body === undefined ? {} : { 'content-type': type }),
        'content-length': bytes.length,
      };
      const sent = send(new URL(path, server), { method, headers, ...tls }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => {
          const { warning } = response.headers;
          const found = parsed(text);
          resolve({
            status: response.statusCode ?? 0,
            body: isObject(found) ? found : text,
            warnings: warning === undefined ? [] : [warning].flat(),
          });
        });
      });
      sent.on('error', reject);
      sent.end(bytes);
    });
};
