import { type JsonObject, isObject, listAt, numberAt, textAt, textsAt } from '../json.ts';

export type OwnerReference = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller: boolean;
  readonly blockOwnerDeletion: boolean;
};

/** An object as it is stored. It is never changed in place: every write stores a new one. */
export type KubeObject = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: JsonObject;
  readonly [field: string]: unknown;
};

/** The stored form of a body whose metadata has been checked. */
export const kubeObject = (body: JsonObject): KubeObject => ({
  ...body,
  apiVersion: textAt(body, 'apiVersion'),
  kind: textAt(body, 'kind'),
  metadata: isObject(body['metadata']) ? body['metadata'] : {},
});

export const nameOf = (object: JsonObject): string => textAt(object, 'metadata', 'name');
export const namespaceOf = (object: JsonObject): string => textAt(object, 'metadata', 'namespace');
export const uidOf = (object: JsonObject): string => textAt(object, 'metadata', 'uid');
export const versionOf = (object: JsonObject): string => textAt(object, 'metadata', 'resourceVersion');
export const generationOf = (object: JsonObject): number => numberAt(object, 'metadata', 'generation') ?? 0;
export const labelsOf = (object: JsonObject): Record<string, string> => textsAt(object, 'metadata', 'labels');
export const isTerminating = (object: JsonObject): boolean => textAt(object, 'metadata', 'deletionTimestamp') !== '';

export const finalizersOf = (object: JsonObject): readonly string[] =>
  listAt(object, 'metadata', 'finalizers').filter((entry) => typeof entry === 'string');

export const ownersOf = (object: JsonObject): readonly OwnerReference[] =>
  listAt(object, 'metadata', 'ownerReferences')
    .filter(isObject)
    .map((owner) => ({
      apiVersion: textAt(owner, 'apiVersion'),
      kind: textAt(owner, 'kind'),
      name: textAt(owner, 'name'),
      uid: textAt(owner, 'uid'),
      controller: owner['controller'] === true,
      blockOwnerDeletion: owner['blockOwnerDeletion'] === true,
    }));

export const withMetadata = (object: KubeObject, changes: JsonObject): KubeObject => ({
  ...object,
  metadata: Object.fromEntries(
    Object.entries({ ...object.metadata, ...changes }).filter(([, value]) => value !== undefined),
  ),
});

/** Kubernetes' time on the wire: whole seconds, UTC. */
export const wireTime = (epochMs: number): string => new Date(epochMs).toISOString().replace(/\.\d+Z$/, 'Z');
