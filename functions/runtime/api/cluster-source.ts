import type { Agent } from 'node:http';
import type { RequestOptions } from 'node:https';

/** The cluster that the operator configured; KUBECONFIG, ~/.kube/config and localhost are never used by default. */
export type ClusterSource = {
  /** Path of a kubeconfig; empty: none. */
  readonly kubeconfig: string;
  /** URL that replaces the kubeconfig's server; empty: none. */
  readonly master: string;
  /** Whether this process runs in a pod; without a kubeconfig, its service account is used. */
  readonly inCluster: boolean;
  /** More kubeconfigs, merged as a list in KUBECONFIG is: the first entry of a name wins. */
  readonly furtherKubeconfigs?: readonly string[];
  /** Context to use instead of the current one. */
  readonly context?: string;
};

export type Credentials = {
  readonly server: URL;
  readonly context: string;
  readonly namespace: string;
  /** Authorisation of one request; resolved for each, since tokens and certificates are rotated. */
  readonly authorise: () => Promise<Authorisation>;
};

export type Authorisation = {
  readonly headers: Readonly<Record<string, string>>;
  /** `user:password` for basic authentication. */
  readonly auth: string | undefined;
  readonly tls: Pick<RequestOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized' | 'servername'>;
  /** The agent for the kubeconfig's proxy-url, if set. */
  readonly proxy: Agent | undefined;
};
