/** The attributes of an event that every function takes, as a sender writes them. */
export const goodEvent = {
  specversion: '1.0',
  id: '1',
  source: '/test',
  type: 'dev.knative.apiserver.ref.update',
  kind: 'ImageCache',
  apiversion: 'kubefledged.io/v1alpha2',
  namespace: 'demo',
  name: 'cache',
} as const;
