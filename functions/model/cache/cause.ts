/** Why an image is not on a node, or still on it, as the kubelet or the Job controller reports it. */
export type Cause = { readonly reason: string; readonly message: string };
