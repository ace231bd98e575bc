import type { WriteOptions } from '../core.ts';
import type { Subresource } from '../verbs/update.ts';

export type PatchRequest = WriteOptions & {
  readonly namespace: string;
  readonly name: string;
  readonly subresource: Subresource;
  readonly contentType: string;
  readonly patch: unknown;
};
