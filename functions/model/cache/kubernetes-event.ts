/** A Kubernetes Event to be recorded about a cache. The same key gives the same Event, however often it is written. */
export type CacheEvent = {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly key: string;
};
