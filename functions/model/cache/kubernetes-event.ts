/** A Kubernetes Event about a cache. Recording the same key again creates no second Event. */
export type CacheEvent = {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly key: string;
};
