import { type JsonObject, compact, isList, isObject } from '../json.ts';

/** One complaint about one field, in Kubernetes' words: `detail` is what follows "path: ". */
export type FieldError = {
  readonly field: string;
  readonly reason:
    | 'FieldValueRequired'
    | 'FieldValueInvalid'
    | 'FieldValueNotSupported'
    | 'FieldValueDuplicate'
    | 'FieldValueForbidden';
  readonly detail: string;
};

type Details = {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly causes?: readonly JsonObject[];
  readonly retryAfterSeconds?: number;
};

/** A refusal that is answered as a metav1.Status. */
export class StatusError extends Error {
  override readonly name = 'StatusError';
  readonly code: number;
  readonly reason: string;
  readonly details: Details | undefined;
  constructor(code: number, reason: string, message: string, details?: Details) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = details;
  }
}

/** A refusal as metav1.Status. */
export const statusOf = (error: StatusError): JsonObject =>
  compact({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: error.message,
    reason: error.reason,
    details: error.details && compact(error.details),
    code: error.code,
  });

export const qualified = (name: string, group: string): string => (group === '' ? name : `${name}.${group}`);

const about = (resource: GroupKind, name: string): Details => ({
  ...(name === '' ? {} : { name }),
  ...(resource.group === '' ? {} : { group: resource.group }),
  kind: resource.plural,
});

export const notFound = (resource: GroupKind, name: string): StatusError =>
  new StatusError(
    404,
    'NotFound',
    `${qualified(resource.plural, resource.group)} "${name}" not found`,
    about(resource, name),
  );

/** A path at which nothing is served; answered in plain text. */
export const unknownPath = (): StatusError => new StatusError(404, '', '404 page not found');

/** A resource that a group of Kubernetes' own does not have. */
export const unknownResource = (): StatusError =>
  new StatusError(404, 'NotFound', 'the server could not find the requested resource', {});

export const alreadyExists = (resource: GroupKind, name: string): StatusError =>
  new StatusError(
    409,
    'AlreadyExists',
    `${qualified(resource.plural, resource.group)} "${name}" already exists`,
    about(resource, name),
  );

export const conflict = (resource: GroupKind, name: string, why: string): StatusError =>
  new StatusError(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(resource.plural, resource.group)} "${name}": ${why}`,
    about(resource, name),
  );

export const modified =
  'the object has been modified; please apply your changes to the latest version and try again' as const;

export const forbidden = (resource: GroupKind, name: string, why: string): StatusError =>
  new StatusError(
    403,
    'Forbidden',
    `${qualified(resource.plural, resource.group)}${name === '' ? '' : ` "${name}"`} is forbidden: ${why}`,
    about(resource, name),
  );

export const badRequest = (message: string): StatusError => new StatusError(400, 'BadRequest', message);

export const expired = (message: string): StatusError => new StatusError(410, 'Expired', message);

export const methodNotAllowed = (): StatusError =>
  new StatusError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource');

export const unsupportedMedia = (accepted: readonly string[]): StatusError =>
  new StatusError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  );

/** What a real API server would do and this small one does not. */
export const notImplemented = (what: string): StatusError =>
  new StatusError(501, 'NotImplemented', `the simulator does not implement ${what}`);

/** A body that the schema refuses: 422 with one cause per field. */
export const invalid = (resource: GroupKind, name: string, errors: readonly FieldError[]): StatusError => {
  const texts = errors.map(({ field, detail }) => `${field}: ${detail}`);
  const list = texts.length === 1 ? texts.join() : `[${texts.join(', ')}]`;
  return new StatusError(422, 'Invalid', `${qualified(resource.kind, resource.group)} "${name}" is invalid: ${list}`, {
    ...about(resource, name),
    kind: resource.kind,
    causes: errors.map(({ field, reason, detail }) => ({ reason, message: detail, field })),
  });
};

/** What a kind is called in errors and paths. */
export type GroupKind = { readonly group: string; readonly kind: string; readonly plural: string };

/** A place inside a value: keys and indexes from the root. */
export type Steps = readonly (string | number)[];

/** How Kubernetes writes a place: `spec.cacheSpec[0].images[2]`. */
export const fieldPath = (steps: Steps): string =>
  steps.map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`)).join('');

/** The place that a JSON pointer names in a value; a number only where there is a list. */
export const stepsOfPointer = (pointer: string, root: unknown): Steps => {
  const steps: (string | number)[] = [];
  let value = root;
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (isList(value)) {
      steps.push(Number(key));
      value = value[Number(key)];
    } else {
      steps.push(key);
      value = isObject(value) ? value[key] : undefined;
    }
  }
  return steps;
};
