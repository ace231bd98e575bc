import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { at } from '../../json.ts';
import type { Core } from '../core.ts';
import { StatusError, statusOf, unknownPath, unknownResource } from '../status-error.ts';
import { watchObjects } from '../verbs/watch.ts';
import { type Answer, json, warningHeaders, type ApiRequest, readRequest } from './request.ts';
import { discovery, openApi } from './discovery.ts';
import { eventRepresenter, representationOf } from './representation.ts';
import { resourcePath, type ResourceRequest, resourceRequest } from './resource-request.ts';

const send = (response: ServerResponse, { status, body, warnings = [] }: Answer): void => {
  const isText = typeof body === 'string';
  const bytes = Buffer.from(isText ? body : `${JSON.stringify(body)}\n`);
  if (warnings.length > 0) response.setHeader('warning', warningHeaders(warnings));
  response.writeHead(status, {
    'content-type': isText ? 'text/plain' : 'application/json',
    'content-length': bytes.length,
    'cache-control': 'no-cache, private',
    ...(status === 429 || status === 504 ? { 'retry-after': '1' } : {}),
  });
  response.end(bytes);
};

const failure = (error: unknown): Answer => {
  if (error instanceof StatusError && error.code === 404 && error.reason === '')
    return { status: 404, body: `${error.message}\n` };
  if (error instanceof StatusError) return json(statusOf(error), error.code);
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return json(statusOf(new StatusError(500, 'InternalError', `Internal error occurred: ${text}`)), 500);
};

/** What is answered at paths that name no resource. */
const general = (core: Core, request: ApiRequest): Answer | undefined => {
  const { path, method } = request;
  if (method !== 'GET' && method !== 'HEAD') return undefined;
  if (['/healthz', '/livez', '/readyz'].includes(path)) return { status: 200, body: 'ok' };
  if (path === '/version') return json(versionInfo);
  return openApi(core.registry, path) ?? discovery(core.registry, path);
};

const found = (core: Core, request: ApiRequest): ResourceRequest => {
  const path = resourcePath(request.path);
  const resource = path && core.registry.find(path.group, path.version, path.plural);
  if (path === undefined) throw unknownPath();
  if (resource === undefined) {
    const isOwn = core.registry.all().some(({ group, custom }) => group === path.group && !custom);
    throw isOwn ? unknownResource() : unknownPath();
  }
  return { core, resource, path, request };
};

const isWatch = ({ path, request }: ResourceRequest): boolean =>
  request.method === 'GET' && path.subresource === '' && ['true', '1'].includes(request.query.get('watch') ?? '');

const stream = ({ core, resource, path, request }: ResourceRequest, response: ServerResponse): void => {
  const represent = eventRepresenter(resource, representationOf(request.accept, request.query), core.clock.now);
  const stop = watchObjects({
    core,
    resource,
    query: request.query,
    namespace: resource.namespaced ? path.namespace : undefined,
    ...(path.name === undefined ? {} : { name: path.name }),
    send: (event) => {
      if (!response.headersSent)
        response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
      response.write(`${JSON.stringify(represent(event))}\n`);
    },
    end: () => response.end(),
  });
  if (!response.headersSent)
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
  response.flushHeaders();
  response.on('close', stop);
};

const handle = async (core: Core, message: IncomingMessage, response: ServerResponse): Promise<void> => {
  try {
    refusePages(message);
    const request = await readRequest(message);
    const answer = general(core, request);
    if (answer !== undefined) {
      send(response, answer);
      return;
    }
    const asked = found(core, request);
    if (isWatch(asked)) stream(asked, response);
    else send(response, resourceRequest(asked));
  } catch (error) {
    if (response.headersSent) response.destroy();
    else send(response, failure(error));
  }
};

/** The API over plain HTTP; not yet listening. */
export const apiServer = (core: Core): Server =>
  createServer((message, response) => {
    void handle(core, message, response);
  });

export const portOf = (server: Server): number => {
  const port = at({ address: server.address() }, 'address', 'port');
  return typeof port === 'number' ? port : 0;
};

/** Throws 403 for what a page in a browser sends: the API has no login, and a page could reach it on this machine. */
const refusePages = ({ headers }: IncomingMessage): void => {
  const isOfPage = headers.origin !== undefined || (headers['sec-fetch-site'] ?? 'none') !== 'none';
  if (isOfPage || !isLoopback(headers.host ?? ''))
    throw new StatusError(403, 'Forbidden', 'the simulated API answers no pages, and on 127.0.0.1 and localhost only');
};

/** Other names would be those of somebody who has them resolve to this machine. */
const isLoopback = (host: string): boolean => /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/i.test(host);

/** The Kubernetes that this small cluster speaks like. */
const versionInfo = {
  major: '1',
  minor: '36',
  gitVersion: 'v1.36.3+simulator',
  gitCommit: '',
  gitTreeState: '',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: '',
  compiler: 'node',
  platform: `${process.platform}/${process.arch}`,
} as const;
