/** The paths that a function may request from the API server, with valid object names. */
const name = '[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?' as const;
const places = [
  `/api/v1/nodes(?:/${name})?`,
  `/api/v1/namespaces/${name}(?:/(?:pods|events)(?:/${name})?)?`,
  `/api/v1/pods`,
  `/apis/batch/v1(?:/namespaces/${name})?/jobs(?:/${name})?`,
  `/apis/kubefledged\\.io/v1alpha2(?:/namespaces/${name})?/imagecaches(?:/${name}(?:/status)?)?`,
] as const;
const pattern = new RegExp(`^(?:${places.join('|')})$`);

/** Whether a function may request this path of the API, whatever event it received. */
export function isLawfulPath(path: string): boolean {
  const [place = '', query = ''] = path.split('?');
  return pattern.test(place) && !place.includes('..') && /^[\w%=&.+~*-]*$/.test(query);
}
