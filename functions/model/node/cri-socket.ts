import type { Node } from './node.ts';
import type { Settings } from '#model/cache/settings.ts';

/** Where a node's runtime listens: as the operator says, else as its runtime and distribution have it; undefined if neither tells. */
export function criSocket({ containerRuntime, kubeletVersion }: Node, { criSocketPath }: Settings): string | undefined {
  if (criSocketPath !== '') return criSocketPath;
  const [runtime = '', version = ''] = containerRuntime.split('://');
  if (runtime === 'containerd' && version.includes('-k3s')) return '/run/k3s/containerd/containerd.sock';
  if (runtime === 'containerd' && kubeletVersion.includes('+k0s')) return '/run/k0s/containerd.sock';
  return sockets[runtime];
}

/** By what a kubelet calls its runtime; Docker speaks CRI through cri-dockerd only. */
const sockets: Readonly<Record<string, string>> = {
  containerd: '/run/containerd/containerd.sock',
  'cri-o': '/var/run/crio/crio.sock',
  docker: '/run/cri-dockerd.sock',
};
