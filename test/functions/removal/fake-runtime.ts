import {
  Server,
  ServerCredentials,
  status,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';
import { messageOptions, criMessages } from '../../../functions/removal/cri-call.ts';

type FakeImage = {
  readonly id: string;
  readonly repoTags?: readonly string[];
  readonly repoDigests?: readonly string[];
  readonly size?: number;
  readonly pinned?: boolean;
};

type FakeContainer = {
  readonly id: string;
  readonly podSandboxId?: string;
  readonly image?: { readonly image: string; readonly userSpecifiedImage?: string };
  readonly state?: 'CONTAINER_RUNNING' | 'CONTAINER_EXITED';
  readonly labels?: Readonly<Record<string, string>>;
  /** Images that it mounts. */
  readonly mounts?: readonly string[];
};

export type FakeRuntime = {
  readonly images: FakeImage[];
  readonly containers: FakeContainer[];
  readonly sandboxes: { readonly id: string; readonly labels: Readonly<Record<string, string>> }[];
  /** Answers a method instead; its throw is the runtime's refusal. */
  readonly instead: Map<string, (request: { readonly image?: { readonly image: string } }) => object>;
  /** Names of all methods that were called. */
  readonly calls: string[];
  readonly stop: () => void;
};

type Request = { readonly image?: { readonly image: string }; readonly containerId?: string };

/** A container runtime on a unix socket that does as containerd was seen to: it removes whatever it is told, with all names, and says nothing. */
export async function startRuntime(socket: string): Promise<FakeRuntime> {
  const server = new Server();
  const fake: FakeRuntime = {
    images: [],
    containers: [],
    sandboxes: [],
    instead: new Map(),
    calls: [],
    stop: () => server.forceShutdown(),
  };
  for (const [name, methods] of Object.entries(answersOf(fake))) server.addService(serviceOf(name), methods);
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix://${socket}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
  return fake;
}

function answersOf(fake: FakeRuntime): Readonly<Record<string, UntypedServiceImplementation>> {
  const find = (name: string) =>
    fake.images.find(({ id, repoTags = [], repoDigests = [] }) => [id, ...repoTags, ...repoDigests].includes(name));
  const answered = (methods: Readonly<Record<string, (request: Request) => object>>): UntypedServiceImplementation =>
    Object.fromEntries(Object.entries(methods).map(([name, answer]) => [name, unary(fake, name, answer)]));
  return {
    RuntimeService: answered({
      Version: () => ({ runtimeName: 'fake', runtimeVersion: '1.0' }),
      ListPodSandbox: () => ({ items: fake.sandboxes }),
      ListContainers: () => ({ containers: fake.containers }),
      ContainerStatus: ({ containerId }) => {
        const container = fake.containers.find(({ id }) => id === containerId);
        if (container === undefined) throw Object.assign(new Error('gone'), { code: status.NOT_FOUND });
        return { status: { mounts: [{}, ...(container.mounts ?? []).map((image) => ({ image: { image } }))] } };
      },
    }),
    ImageService: answered({
      ListImages: () => ({ images: fake.images }),
      ImageStatus: ({ image }) => ({ image: find(image?.image ?? '') }),
      RemoveImage: ({ image }) => {
        const found = find(image?.image ?? '');
        if (found !== undefined) fake.images.splice(fake.images.indexOf(found), 1);
        return {};
      },
    }),
  };
}

const unary =
  (fake: FakeRuntime, name: string, answer: (request: Request) => object) =>
  ({ request }: { readonly request: Request }, done: sendUnaryData<object>): void => {
    fake.calls.push(name);
    try {
      done(null, (fake.instead.get(name) ?? answer)(request));
    } catch (error) {
      const isGone = error instanceof Error && 'code' in error && error.code === status.NOT_FOUND;
      done({ code: isGone ? status.NOT_FOUND : status.UNKNOWN, details: String(error) });
    }
  };

const definitions = fromJSON(criMessages, messageOptions);

function serviceOf(name: string) {
  const service = definitions[`runtime.v1.${name}`];
  if (service === undefined || 'format' in service) throw new Error(`${name} is no service`);
  return service;
}
