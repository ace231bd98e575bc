import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { fromJSON, type MethodDefinition } from '@grpc/proto-loader';

/** The messages and fields of CRI (`runtime.v1`) that a removal uses; in code, so that the bundle needs no other file. */

type Field = { readonly type: string; readonly id: number; readonly rule?: 'repeated'; readonly keyType?: 'string' };

const text = (id: number): Field => ({ type: 'string', id });
const flag = (id: number): Field => ({ type: 'bool', id });
const one = (type: string, id: number): Field => ({ type, id });
const many = (type: string, id: number): Field => ({ type, id, rule: 'repeated' });
const textMap = (id: number): Field => ({ type: 'string', id, keyType: 'string' });
const message = (fields: Readonly<Record<string, Field>>) => ({ fields });

const messages = {
  VersionRequest: message({ version: text(1) }),
  VersionResponse: message({ version: text(1), runtimeName: text(2), runtimeVersion: text(3) }),

  ImageSpec: message({ image: text(1), userSpecifiedImage: text(18) }),
  Image: message({
    id: text(1),
    repoTags: many('string', 2),
    repoDigests: many('string', 3),
    size: one('uint64', 4),
    pinned: flag(8),
  }),
  ListImagesRequest: message({}),
  ListImagesResponse: message({ images: many('Image', 1) }),
  ImageStatusRequest: message({ image: one('ImageSpec', 1) }),
  ImageStatusResponse: message({ image: one('Image', 1) }),
  RemoveImageRequest: message({ image: one('ImageSpec', 1) }),
  RemoveImageResponse: message({}),

  PodSandbox: message({ id: text(1), labels: textMap(5) }),
  ListPodSandboxRequest: message({}),
  ListPodSandboxResponse: message({ items: many('PodSandbox', 1) }),

  ContainerState: { values: { CONTAINER_CREATED: 0, CONTAINER_RUNNING: 1, CONTAINER_EXITED: 2, CONTAINER_UNKNOWN: 3 } },
  Container: message({
    id: text(1),
    podSandboxId: text(2),
    image: one('ImageSpec', 4),
    imageRef: text(5),
    state: one('ContainerState', 6),
    labels: textMap(8),
    imageId: text(10),
  }),
  ListContainersRequest: message({}),
  ListContainersResponse: message({ containers: many('Container', 1) }),
  Mount: message({ image: one('ImageSpec', 9) }),
  ContainerStatus: message({ mounts: many('Mount', 14) }),
  ContainerStatusRequest: message({ containerId: text(1) }),
  ContainerStatusResponse: message({ status: one('ContainerStatus', 1) }),
};

const service = (...names: readonly string[]) => ({
  methods: Object.fromEntries(
    names.map((name) => [name, { requestType: `${name}Request`, responseType: `${name}Response`, comment: '' }]),
  ),
});

const services = {
  ImageService: service('ListImages', 'ImageStatus', 'RemoveImage'),
  RuntimeService: service('Version', 'ListPodSandbox', 'ListContainers', 'ContainerStatus'),
};

/** The descriptor in protobuf.js' JSON format. */
export const criMessages: Parameters<typeof fromJSON>[0] = {
  nested: { runtime: { nested: { v1: { nested: { ...messages, ...services } } } } },
};

export type CriCall = {
  /** Calls one method and returns the unvalidated response. Throws a CriError, after `deadline` ms at the latest. */
  readonly call: (method: CriMethod, request: object, deadline: number) => Promise<unknown>;
  readonly close: () => void;
};

export type CriMethod = `ImageService/${string}` | `RuntimeService/${string}`;

/** An error or time-out of a call to the runtime. */
export class CriError extends Error {
  override readonly name = 'CriError';
  /** gRPC's status code. */
  readonly code: number;
  constructor(message: string, code: number, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The kubelet's limit; nodes with many containers exceed gRPC's default of 4 MB. */
const maxMessageSize = 16 * 1024 * 1024;

/** Decodes messages with all fields present and sizes as numbers. */
export const messageOptions = { longs: Number, enums: String, defaults: true } as const;

const definitions = fromJSON(criMessages, messageOptions);

/** Opens a client of the container runtime behind a unix socket. Sends nothing before the first call. */
export function connect(socket: string): CriCall {
  const client = new Client(`unix://${socket}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': maxMessageSize,
    'grpc.default_authority': 'localhost', // Go's servers refuse the path of a socket as host name.
  });
  const call: CriCall['call'] = (method, request, deadline) =>
    new Promise((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = definitionOf(method);
      const answer = (error: ServiceError | null, response?: object): void =>
        error === null ? resolve(response) : reject(criError(method, socket, error));
      const until = { deadline: Date.now() + deadline };
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, new Metadata(), until, answer);
    });
  return { call, close: () => client.close() };
}

function criError(method: CriMethod, socket: string, error: ServiceError): CriError {
  const details = error.details.replace(/ Resolution note:\s*$/, ''); // grpc-js appends an empty note.
  return new CriError(`${method} at ${socket}: ${details}`, error.code, { cause: error });
}

function definitionOf(method: CriMethod): MethodDefinition<object, object> {
  const [service = '', name = ''] = method.split('/');
  const definition = definitions[`runtime.v1.${service}`];
  const found = definition === undefined || 'format' in definition ? undefined : definition[name];
  if (found === undefined || typeof found !== 'object' || !('path' in found))
    throw new TypeError(`${method} is not among the methods that are described`);
  return found;
}
