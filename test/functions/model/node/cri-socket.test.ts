import { describe, expect, it } from 'vitest';
import { criSocket } from '#model/node/node.ts';
import { node, settings } from '../builders.ts';

const rows: readonly { runtime: string; kubelet?: string; setting?: string; socket: string | undefined }[] = [
  { runtime: 'containerd://2.2.9', socket: '/run/containerd/containerd.sock' },
  { runtime: 'cri-o://1.33.1', socket: '/var/run/crio/crio.sock' },
  { runtime: 'containerd://2.1.4-k3s1', kubelet: 'v1.34.1+k3s1', socket: '/run/k3s/containerd/containerd.sock' },
  { runtime: 'containerd://2.1.4-k3s1', kubelet: 'v1.34.1+rke2r1', socket: '/run/k3s/containerd/containerd.sock' },
  { runtime: 'containerd://1.7.27', kubelet: 'v1.34.1+k0s', socket: '/run/k0s/containerd.sock' },
  { runtime: 'docker://27.0.1', socket: '/run/cri-dockerd.sock' },
  { runtime: 'kwok', socket: undefined },
  { runtime: '', socket: undefined },
  { runtime: 'containerd://2.2.9', setting: '/run/other.sock', socket: '/run/other.sock' },
  { runtime: 'kwok', setting: '/run/other.sock', socket: '/run/other.sock' },
];

describe('CRI socket', () => {
  it.each(rows)(
    'is $socket for $runtime, kubelet $kubelet, setting $setting',
    ({ runtime, kubelet, setting, socket }) => {
      const target = node({ containerRuntime: runtime, kubeletVersion: kubelet ?? 'v1.34.2' });
      expect(criSocket(target, settings({ criSocketPath: setting ?? '' }))).toBe(socket);
    },
  );
});
