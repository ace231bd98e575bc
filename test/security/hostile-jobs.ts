import { changed } from '../deploy/helm/forbidden-jobs.ts';
import { pull, removal } from '../deploy/helm/product-jobs.ts';
import type { Mode } from './modes.ts';

/** A Job that a function which was taken over might create. */
export type HostileJob = { readonly attack: number; readonly what: string; readonly job: object };

const template = ['spec', 'template', 'metadata'];
const podSpec = ['spec', 'template', 'spec'];
const owner = { apiVersion: 'v1', kind: 'Node', name: 'none', uid: '00000000-0000-0000-0000-000000000000' };

/** Pods that a webhook would inject a container or a hostPath into, or that a runtime would give more rights. */
const injected: Readonly<Record<string, string>> = {
  'sidecar.istio.io/proxyImage': 'registry.example.com/evil:1',
  'sidecar.istio.io/userVolume': '[{"name":"root","hostPath":{"path":"/"}}]',
  'sidecar.istio.io/userVolumeMount': '[{"name":"root","mountPath":"/host"}]',
  'config.linkerd.io/proxy-image': 'registry.example.com/evil',
  'vault.hashicorp.com/agent-inject': 'true',
  'k8s.v1.cni.cncf.io/networks': 'kube-system/host',
  'run.oci.handler': 'krun',
  'org.systemd.property.DeviceAllow': '["/dev/sda rwm"]',
  'seccomp-profile.kubernetes.cri-o.io/POD': 'unconfined',
  'io.kubernetes.cri-o.Devices': '/dev/sda',
  'vault.security.banzaicloud.io/vault-addr': 'https://evil.example.com',
  'telegraf.influxdata.com/class': 'default',
  'co.elastic.apm/attach': 'java',
  'admiral.io/env': 'x',
  'conjur.org/authn-identity': 'x',
  'alibabacloud.com/eci': 'true',
  'injector.of-next-year.example/inject': 'true',
};

/** The Jobs of the findings, each under its own name. */
export function hostileJobs({ settings }: Mode): readonly HostileJob[] {
  const own = pull({ settings });
  const removes = removal({ settings });
  const rows: readonly (readonly [number, string, object])[] = [
    [5, 'label inject', changed(own, [...template, 'labels', 'sidecar.istio.io/inject'], 'true')],
    [5, 'annotation inject', changed(own, [...template, 'annotations', 'sidecar.istio.io/inject'], 'true')],
    [5, 'no opt-out', changed(own, [...template, 'annotations', 'linkerd.io/inject'], undefined)],
    [
      5,
      'not evictable',
      changed(own, [...template, 'annotations', 'cluster-autoscaler.kubernetes.io/safe-to-evict'], 'false'),
    ],
    ...Object.entries(injected).map(
      ([key, value]) => [5, `annotation ${key}`, changed(own, [...template, 'annotations', key], value)] as const,
    ),
    [5, 'label of a workload identity', changed(own, [...template, 'labels', 'azure.workload.identity/use'], 'true')],
    [5, 'label by which a PodDisruptionBudget selects', changed(own, [...template, 'labels', 'tier'], 'web')],
    [5, 'annotation of a removal', changed(removes, [...template, 'annotations', 'example.com/any'], 'true')],
    [5, 'label of a removal', changed(removes, [...template, 'labels', 'team'], 'web')],
    [2, 'priority of the system', changed(own, [...podSpec, 'priorityClassName'], 'system-node-critical')],
    [2, 'priority of the cluster', changed(own, [...podSpec, 'priorityClassName'], 'system-cluster-critical')],
    [2, 'priority of a removal', changed(removes, [...podSpec, 'priorityClassName'], 'system-cluster-critical')],
    [2, 'deadline of 68 years', changed(own, ['spec', 'activeDeadlineSeconds'], 2_147_483_647)],
    [10, 'finalizer', changed(own, ['metadata', 'finalizers'], ['example.com/forever'])],
    [10, 'finalizer of the Pod', changed(own, [...template, 'finalizers'], ['example.com/forever'])],
    [10, 'owner of the Pod', changed(own, [...template, 'ownerReferences'], [owner])],
    [10, 'finalizer of a removal', changed(removes, ['metadata', 'finalizers'], ['example.com/forever'])],
    [10, 'generated name', changed(own, ['metadata', 'generateName'], 'any-')],
  ];
  return rows.map(([attack, what, job], index) => ({
    attack,
    what,
    job: changed(job, ['metadata', 'name'], `attack-${index}`),
  }));
}
