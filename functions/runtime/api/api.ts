/** One question to the API server. */
export type ApiCall = {
  readonly method: Method;
  /** Path with query, as in `/api/v1/nodes?limit=250`. */
  readonly path: string;
  readonly body?: unknown;
  /** Default `application/json`; a PATCH names its kind here. */
  readonly contentType?: string;
  readonly accept?: string;
  /** Milliseconds until one try is given up, from connecting to the last byte; of a stream, to the head of the answer. Default 30,000. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
  /** Waits for no other call: a Lease is lost if its renewal stands in line behind a thousand Jobs. */
  readonly isUrgent?: boolean;
};

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export type Api = {
  readonly server: string;
  /** Name of the kubeconfig's context; 'in-cluster' inside a pod. */
  readonly context: string;
  /** The namespace this process belongs to: the pod's, or the context's, or `default`. */
  readonly namespace: string;
  /** The parsed JSON answer. Throws `ApiError` for anything but 2xx, after having retried what is safe to retry. */
  readonly request: (call: ApiCall) => Promise<unknown>;
  /**
   * The lines of a streamed answer (a watch), as they come; ends when the server ends it, or quietly when the signal fires.
   * Throws `ApiError` if the answer is not 2xx or the stream breaks. A stream lasts, so its silence is for the caller to judge.
   */
  readonly lines: (call: ApiCall) => AsyncIterable<string>;
  readonly metrics: () => ApiMetrics;
  /** Ends every call and stream; none can be made afterwards. */
  readonly close: () => void;
};

/** What this process asked of the API server so far; every try counts, a watch as a GET. */
export type ApiMetrics = {
  readonly calls: Readonly<Record<Method, number>>;
  /** Bytes of answers as they crossed the wire, before they were unzipped. */
  readonly bytesRead: number;
};

/** One try of a call, a watch included. */
export type CallResult = {
  readonly method: Method;
  readonly path: string;
  /** HTTP status; undefined where no answer came. */
  readonly code: number | undefined;
  /** From sending to the head of the answer. */
  readonly seconds: number;
};

export type ApiOptions = {
  /** Most calls at once; streams do not count. Default 32. */
  readonly concurrency?: number;
  /** Hears of every try. */
  readonly onCall?: (result: CallResult) => void;
};
