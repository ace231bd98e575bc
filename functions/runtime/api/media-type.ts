/** A parsed Content-Type, in lower case; empty where a part is missing. */
export type MediaType = { readonly type: string; readonly charset: string };

/** Parses a Content-Type header, since the CloudEvents SDK compares it as one case-sensitive string. */
export function mediaType(header: string | undefined): MediaType {
  const [type = '', ...parameters] = (header ?? '').toLowerCase().split(';');
  const charset = parameters.map((each) => /^\s*charset\s*=\s*"?([^"\s]*)"?\s*$/.exec(each)?.[1]).find((each) => each);
  return { type: type.trim(), charset: charset ?? '' };
}

export const isJson = ({ type }: MediaType): boolean => /^(?:application|text)\/(?:[^/]+\+)?json$/.test(type);

/** Accept header of writes whose answer is not used. */
export const onlyMetadata = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
