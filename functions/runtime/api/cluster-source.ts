import type { Agent } from 'node:http';
import type { RequestOptions } from 'node:https';

/** Where the cluster is, always said by the operator: never KUBECONFIG, the home folder or localhost by default. */
export type ClusterSource = {
  /** Path of a kubeconfig; '' for none. */
  readonly kubeconfig: string;
  /** URL that replaces the server's; '' for none. */
  readonly master: string;
  /** Whether this process runs in a pod, whose service account serves where no kubeconfig is given. */
  readonly inCluster: boolean;
  /** Kubeconfigs after the first, as in a list in KUBECONFIG: of what several name, the first counts. */
  readonly furtherKubeconfigs?: readonly string[];
  /** Context to use in place of the kubeconfig's current one. */
  readonly context?: string;
};

export type Credentials = {
  readonly server: URL;
  readonly context: string;
  readonly namespace: string;
  /** What one request needs: asked anew each time, since tokens and certificates are rotated under a running process. */
  readonly authorise: () => Promise<Authorisation>;
};

export type Authorisation = {
  readonly headers: Readonly<Record<string, string>>;
  /** `user:password` for basic authentication. */
  readonly auth: string | undefined;
  readonly tls: Pick<RequestOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized' | 'servername'>;
  /** The agent of the kubeconfig's proxy-url; undefined without one. */
  readonly proxy: Agent | undefined;
};
