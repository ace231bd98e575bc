import type { Clock } from '../clock.ts';
import type { Timings } from '../timings.ts';
import { type Image, fraction, imageOf } from './image.ts';

export type PullResult =
  | { readonly is: 'pulled' | 'present'; readonly image: Image; readonly ms: number }
  | {
      readonly is: 'failed';
      readonly reason: 'ErrImagePull' | 'ErrImageNeverPull' | 'InvalidImageName';
      readonly message: string;
    };

/** The images of one node, which pulls them one after another as kubelets do by default. */
export type ImageStore = {
  readonly pull: (reference: string, policy: string, started: () => void, done: (result: PullResult) => void) => void;
  readonly images: () => readonly Image[];
  /** Takes out what has this content, by all its names. */
  readonly remove: (digest: string) => void;
  readonly stop: () => void;
};

const invalidName = (reference: string): PullResult => ({
  is: 'failed',
  reason: 'InvalidImageName',
  message: `Failed to apply default image tag "${reference}": couldn't parse image name "${reference}": invalid reference format`,
});

/** Go's message for a refused connection. */
const notConnected = ({ repository, name }: Image): string => {
  const slash = repository.indexOf('/');
  const [host, path, tag] = [
    repository.slice(0, slash),
    repository.slice(slash + 1),
    name.slice(repository.length + 1),
  ];
  return `failed to do request: Head "https://${host}/v2/${path}/manifests/${tag}": dial tcp 10.0.0.9:${host.split(':')[1] ?? '443'}: connect: connection refused`;
};

const failure = (reference: string, image: Image): string | undefined => {
  const prefix = `failed to pull and unpack image "${image.name}": failed to resolve image: `;
  if (reference.includes('missing')) return `rpc error: code = NotFound desc = ${prefix}${image.name}: not found`;
  if (reference.includes('denied'))
    return `${prefix}pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials`;
  if (reference.includes('unreachable')) return `${prefix}${notConnected(image)}`;
  if (reference.includes('hang'))
    return `rpc error: code = Canceled desc = failed to pull and unpack image "${image.name}": context canceled`;
  return undefined;
};

const duration = (reference: string, { pull: [shortest, longest], slowPull, hang }: Timings): number => {
  if (reference.includes('hang')) return hang;
  if (reference.includes('slow')) return slowPull;
  return Math.round(shortest + fraction(reference) * (longest - shortest));
};

export const createImageStore = (clock: Clock, timings: Timings, changed: () => void): ImageStore => {
  const images = new Map<string, Image>();
  const waiting: (() => void)[] = [];
  let cancel: (() => void) | undefined;
  const next = (): void => {
    cancel = undefined;
    waiting.shift()?.();
  };
  const run = (reference: string, image: Image, done: (result: PullResult) => void): void => {
    // An image that another Pod has pulled meanwhile only costs the check.
    const ms = images.has(image.name) ? 60 : duration(reference, timings);
    cancel = clock.after(ms, () => {
      const message = failure(reference, image);
      if (message === undefined) {
        images.delete(image.name);
        images.set(image.name, image);
        changed();
      }
      done(message === undefined ? { is: 'pulled', image, ms } : { is: 'failed', reason: 'ErrImagePull', message });
      next();
    });
  };
  return {
    pull: (reference, policy, started, done) => {
      const image = imageOf(reference);
      if (image === undefined) {
        done(invalidName(reference));
        return;
      }
      if (images.has(image.name) && policy !== 'Always') {
        done({ is: 'present', image, ms: 0 });
        return;
      }
      if (policy === 'Never') {
        const message = `Container image "${reference}" is not present with pull policy of Never`;
        done({ is: 'failed', reason: 'ErrImageNeverPull', message });
        return;
      }
      started();
      const begin = (): void => run(reference, image, done);
      if (cancel === undefined) begin();
      else waiting.push(begin);
    },
    images: () => [...images.values()].reverse(),
    remove: (digest) => {
      for (const image of [...images.values()]) if (image.digest === digest) images.delete(image.name);
      changed();
    },
    stop: () => {
      cancel?.();
      waiting.length = 0;
    },
  };
};
