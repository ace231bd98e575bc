import type { Node } from './node.ts';
import type { Settings } from '#model/cache/settings.ts';

/**
 * The CRI socket of a node: the operator's setting, else the default of its runtime and distribution; undefined if
 * unknown.
 */
export function criSocket({ containerRuntime, kubeletVersion }: Node, { criSocketPath }: Settings): string | undefined {
  if (criSocketPath !== '') return criSocketPath;
  const [runtime = '', version = ''] = containerRuntime.split('://');
  if (runtime === 'containerd' && version.includes('-k3s')) return '/run/k3s/containerd/containerd.sock';
  if (runtime === 'containerd' && kubeletVersion.includes('+k0s')) return '/run/k0s/containerd.sock';
  return sockets[runtime];
}

/** Default sockets by the runtime that the kubelet reports. Docker has CRI only through cri-dockerd. */
const sockets: Readonly<Record<string, string>> = {
  containerd: '/run/containerd/containerd.sock',
  'cri-o': '/var/run/crio/crio.sock',
  docker: '/run/cri-dockerd.sock',
};
