import { functionNames } from '#model/cache/cloud-event.ts';
import { namespaceNames, oneOfOrNone, text, webAddress, wholeNumber, yesOrNo } from '#runtime/config/setting.ts';
import { both, envOnly, flagOnly } from './row.ts';

/** What a process is to be, and where: its cluster, its port, its log. */
export const processRows = {
  kubeconfig: flagOnly(
    'kubeconfig',
    '',
    text,
    "Kubeconfig of the cluster; without it the pod's own service account, and outside a pod a simulation",
  ),
  master: flagOnly('master', '', webAddress, 'URL of the API server, in place of the one that is configured'),
  function: both('function', '', oneOfOrNone(functionNames), 'The one function to run; empty: all, with their sources'),
  port: both('port', '8080', wholeNumber(0, 65_535), 'Port of events and probes'),
  statusPage: both(
    'status-page',
    'false',
    yesOrNo,
    'Show caches and nodes at /status/, to anybody who reaches the port',
  ),
  leaderElection: both(
    'leader-election',
    'true',
    yesOrNo,
    'Hold a Lease, so that only one of several replicas sends events',
  ),
  leaseNamespace: both('lease-namespace', '', text, "Namespace of the Lease; empty: this process's own"),
  namespace: envOnly(
    'KUBEFLEDGED_NAMESPACE',
    '',
    text,
    "Namespace of removal Jobs, and of the Lease unless LEASE_NAMESPACE says otherwise; empty: this process's own",
  ),
  watchNamespaces: both(
    'watch-namespaces',
    '',
    namespaceNames,
    'Namespaces whose caches are served, by their names, separated by commas; empty: all',
  ),
} as const;
