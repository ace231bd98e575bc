/** The function used of proxy-from-env 2.1.0, which has no types. */
declare module 'proxy-from-env' {
  /** The URL of the proxy that the environment names for this URL; empty: none. */
  export function getProxyForUrl(url: URL): string;
}
