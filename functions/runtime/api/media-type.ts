/** A Content-Type, taken apart: type and charset in lower case, '' where none is told. */
export type MediaType = { readonly type: string; readonly charset: string };

/** Reads a Content-Type header, since the CloudEvents SDK compares it as one string, blanks and capitals included. */
export function mediaType(header: string | undefined): MediaType {
  const [type = '', ...parameters] = (header ?? '').toLowerCase().split(';');
  const charset = parameters.map((each) => /^\s*charset\s*=\s*"?([^"\s]*)"?\s*$/.exec(each)?.[1]).find((each) => each);
  return { type: type.trim(), charset: charset ?? '' };
}

export const isJson = ({ type }: MediaType): boolean => /^(?:application|text)\/(?:[^/]+\+)?json$/.test(type);

/** To be accepted for what was written, as the whole of it would be read for nothing. */
export const onlyMetadata = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
