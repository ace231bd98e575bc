/**
 * Domains of labels and annotations by which webhooks inject containers and volumes into Pods, and by which networks and
 * container runtimes grant privileges. The chart's admission policy has the same list, which a test compares.
 */
export const foreignDomains: readonly string[] = [
  ...['istio.io', 'linkerd.io', 'hashicorp.com', 'banzaicloud.io', 'banzaicloud.com', 'dapr.io', 'kuma.io'],
  ...['openservicemesh.io', 'nginx.com', 'greymatter.io', 'opentelemetry.io', 'jaegertracing.io', 'datadoghq.com'],
  ...['dynatrace.com', 'newrelic.com', 'appdynamics.com', '1password.com', 'infisical.com', 'doppler.com'],
  ...['conjur.org', 'akeyless.io', 'spiffe.io', 'azure.workload.identity', 'amazonaws.com', 'gke-gcsfuse', 'gke.io'],
  ...['cncf.io', 'projectcalico.org', 'cilium.io', 'ovn.org', 'kubeovn.io', 'cri-o.io', 'crio.io', 'containerd.io'],
  ...['nri.io', 'katacontainers.io', 'gvisor.dev', 'cdi.k8s.io', 'security.beta.kubernetes.io'],
  ...['security.alpha.kubernetes.io', 'resources.beta.kubernetes.io', 'tumblr.com', 'knative.dev', 'openfaas.com'],
];

/** Container runtimes read keys without a domain that are spelled as one in reverse, such as io.kubernetes.cri-o.userns-mode. */
const foreignKeyPattern = '^[^/]*[.][^/]*$|^(?:[^/]*[.])?(?:' + foreignDomains.join('|').replaceAll('.', '[.]') + ')/';

const foreignKey = new RegExp(foreignKeyPattern);

/** Whether others act on a label or annotation with this key. */
export const isForeignKey = (key: string): boolean => foreignKey.test(key);
