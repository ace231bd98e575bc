/** The only socket to the API server: authentication, TLS, time-outs, 429 and streams. */
export type ApiCall = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path with query, as in `/api/v1/nodes?limit=250`. */
  readonly path: string;
  readonly body?: unknown;
  /** Default `application/json`; a PATCH names its kind here. */
  readonly contentType?: string;
  readonly accept?: string;
  /** Milliseconds until the call is given up. Default 30,000. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
};

export type Api = {
  readonly server: string;
  /** Name of the kubeconfig's context; 'in-cluster' inside a pod. */
  readonly context: string;
  /** The namespace this process belongs to: the pod's, or the context's, or `default`. */
  readonly namespace: string;
  /** The parsed JSON answer. Throws `ApiError` for anything but 2xx, after having retried what is safe to retry. */
  readonly request: (call: ApiCall) => Promise<unknown>;
  /** The lines of a streamed answer (a watch), as they come. Throws `ApiError` if the answer is not 2xx or the stream breaks; ends when the server ends it. */
  readonly lines: (call: ApiCall) => AsyncIterable<string>;
  readonly close: () => void;
};
