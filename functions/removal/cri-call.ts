import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { fromJSON, type MethodDefinition } from '@grpc/proto-loader';
import { criMessages } from './cri-messages.ts';

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
  return {
    call: (method, request, deadline) => unaryCall({ client, socket }, method, { request, deadline }),
    close: () => client.close(),
  };
}

function unaryCall(
  { client, socket }: { readonly client: Client; readonly socket: string },
  method: CriMethod,
  { request, deadline }: { readonly request: object; readonly deadline: number },
): Promise<unknown> {
  const { path, requestSerialize, responseDeserialize } = definitionOf(method);
  return new Promise((resolve, reject) => {
    const answer = (error: ServiceError | null, response?: object): void =>
      error === null ? resolve(response) : reject(refusal(method, socket, error));
    const until = { deadline: Date.now() + deadline };
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, new Metadata(), until, answer);
  });
}

function refusal(method: CriMethod, socket: string, error: ServiceError): CriError {
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
