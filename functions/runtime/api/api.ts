import type { Slots } from '#runtime/bounds.ts';

/** One request to the API server. */
export type ApiCall = {
  readonly method: Method;
  /** Path with query, as in `/api/v1/nodes?limit=250`. */
  readonly path: string;
  readonly body?: unknown;
  /** Default `application/json`; a PATCH sets its patch type here. */
  readonly contentType?: string;
  readonly accept?: string;
  /** Milliseconds until one try times out, from connecting to the last byte; for a stream, to the head of the answer. Default 30,000. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
  /** Bytes of the largest answer that is read, uncompressed; of a larger one the call fails (see `isAnswerTooLarge`). */
  readonly maxBytes?: number;
  /** Awaited when the head of an answer has arrived, before its body is read. The signal fires when the try times out. */
  readonly beforeBody?: (signal: AbortSignal) => Promise<void>;
  /** Skips the concurrency limit: a Lease is lost if its renewal queues behind a thousand Jobs. */
  readonly isUrgent?: boolean;
};

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export type Api = {
  readonly server: string;
  /** Name of the kubeconfig's context; 'in-cluster' inside a pod. */
  readonly context: string;
  /** The namespace of this process: the pod's, or the context's, or `default`. */
  readonly namespace: string;
  /** The parsed JSON answer. Throws `ApiError` for anything but 2xx, after retrying what is safe to retry. */
  readonly request: (call: ApiCall) => Promise<unknown>;
  /**
   * The lines of a streamed answer (a watch) as they arrive; ends when the server ends it, or without an error when the signal fires.
   * Throws `ApiError` if the answer is not 2xx or the stream breaks. Has no idle time limit: the caller sets one.
   */
  readonly lines: (call: ApiCall) => AsyncIterable<string>;
  readonly metrics: () => ApiMetrics;
  /** Ends every call and stream; later calls fail. */
  readonly close: () => void;
};

/** Totals of this process; every try counts, a watch as a GET. */
export type ApiMetrics = {
  readonly calls: Readonly<Record<Method, number>>;
  /** Bytes of answers as received, before decompression. */
  readonly bytesRead: number;
};

/** One try of a call, a watch included. */
export type CallResult = {
  readonly method: Method;
  readonly path: string;
  /** HTTP status; undefined if there was no answer. */
  readonly code: number | undefined;
  /** From sending to the head of the answer. */
  readonly seconds: number;
};

export type ApiOptions = {
  /** Maximum number of concurrent calls; streams do not count. Default the bound `api_calls`. */
  readonly concurrency?: number;
  /** The same bound, with the count of the process. */
  readonly calls?: Slots;
  /** Called after every try. */
  readonly onCall?: (result: CallResult) => void;
};
