import { functionNames } from '#model/cache/cloud-event.ts';
import { namespaceNames, oneOfOrNone, serverAddress, text, wholeNumber, yesOrNo } from '#runtime/config/setting.ts';
import { hostList } from '#runtime/config/registry-settings.ts';
import { both, envOnly, flagOnly } from './row.ts';

/** Settings of the process: its cluster, functions, port and namespaces. */
export const processRows = {
  kubeconfig: flagOnly('kubeconfig', text, {
    fallback: '',
    doc: "Kubeconfig of the cluster; empty: the pod's own service account, and outside a pod the simulator. KUBECONFIG and ~/.kube/config are never read",
  }),
  master: flagOnly('master', serverAddress, {
    fallback: '',
    doc: 'URL of the API server, or its host and port; empty: that of the kubeconfig',
  }),
  function: both('function', oneOfOrNone(functionNames), {
    fallback: '',
    doc: 'The one function to run, without sources; empty: all functions and the sources',
  }),
  port: both('port', wholeNumber(0, 65_535), {
    fallback: '8080',
    doc: 'Port of events, probes, metrics and the status page; the simulation takes any free port',
  }),
  listenAddress: both('listen-address', text, {
    fallback: '',
    doc: 'Address to listen on; empty: all in a Pod, and 127.0.0.1 elsewhere',
  }),
  allowedHosts: both('allowed-hosts', hostList, {
    fallback: '',
    doc: 'Names, separated by commas, under which metrics and the status page may be opened, such as that of an Ingress; addresses, localhost and names of Services always may',
  }),
  statusPage: both('status-page', yesOrNo, {
    fallback: 'false',
    doc: 'Serve a page of caches and nodes at /status/, read-only and without a login, to anybody who reaches the port; on in the simulation',
  }),
  leaderElection: both('leader-election', yesOrNo, {
    fallback: 'true',
    doc: 'Hold a Lease, so that only one of several replicas is active',
  }),
  leaseNamespace: both('lease-namespace', text, {
    fallback: '',
    doc: 'Namespace of the Lease; empty: that of KUBEFLEDGED_NAMESPACE',
  }),
  namespace: envOnly('KUBEFLEDGED_NAMESPACE', text, {
    fallback: '',
    doc: "Namespace of removal Jobs and of the Lease; empty: the process's own namespace",
  }),
  watchNamespaces: both('watch-namespaces', namespaceNames, {
    fallback: '',
    doc: 'Namespaces whose caches are served, separated by commas; empty: all. With it no rights elsewhere are needed, except to read Nodes',
  }),
} as const;
