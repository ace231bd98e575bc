import { describe, expect, it } from 'vitest';
import { criSocket } from '#model/node/cri-socket.ts';
import { node, settings } from '../builders.ts';

const rows: readonly { runtime: string; kubelet?: string; told?: string; is: string | undefined }[] = [
  { runtime: 'containerd://2.2.9', is: '/run/containerd/containerd.sock' },
  { runtime: 'cri-o://1.33.1', is: '/var/run/crio/crio.sock' },
  { runtime: 'containerd://2.1.4-k3s1', kubelet: 'v1.34.1+k3s1', is: '/run/k3s/containerd/containerd.sock' },
  { runtime: 'containerd://2.1.4-k3s1', kubelet: 'v1.34.1+rke2r1', is: '/run/k3s/containerd/containerd.sock' },
  { runtime: 'containerd://1.7.27', kubelet: 'v1.34.1+k0s', is: '/run/k0s/containerd.sock' },
  { runtime: 'docker://27.0.1', is: '/run/cri-dockerd.sock' },
  { runtime: 'kwok', is: undefined },
  { runtime: '', is: undefined },
  { runtime: 'containerd://2.2.9', told: '/run/other.sock', is: '/run/other.sock' },
  { runtime: 'kwok', told: '/run/other.sock', is: '/run/other.sock' },
];

describe("a runtime's socket", () => {
  it.each(rows)('is $is for $runtime, kubelet $kubelet, told $told', ({ runtime, kubelet, told, is }) => {
    const on = node({ containerRuntime: runtime, kubeletVersion: kubelet ?? 'v1.34.2' });
    expect(criSocket(on, settings({ criSocketPath: told ?? '' }))).toBe(is);
  });
});
