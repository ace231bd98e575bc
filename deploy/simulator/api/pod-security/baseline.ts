import { at, listAt, numberAt, textAt } from '../../json.ts';
import {
  type Check,
  containersNamed,
  containersOf,
  counted,
  distinct,
  everyContainer,
  quoted,
  security,
} from './check.ts';

const defaultCapabilities = [
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
];

/** Names of capabilities that a container adds beyond those allowed. */
const addedBeyond =
  (allowed: readonly string[]) =>
  (container: unknown): readonly string[] =>
    listAt(security(container), 'capabilities', 'add')
      .map(String)
      .filter((name) => !allowed.includes(name));

/** `containers "a", "b" must not include "X" in securityContext.capabilities.add`; undefined where none does. */
export const additions = (containers: readonly unknown[], allowed: readonly string[]): string | undefined => {
  const beyond = addedBeyond(allowed);
  const bad = containers.filter((one) => beyond(one).length > 0);
  const names = distinct(bad.flatMap(beyond));
  return bad.length === 0
    ? undefined
    : `${containersNamed(bad)} must not include ${quoted(names)} in securityContext.capabilities.add`;
};

const capabilities: Check = (spec) => {
  const detail = additions(containersOf(spec), defaultCapabilities);
  return detail === undefined ? undefined : { reason: 'non-default capabilities', detail };
};

const hostNamespaces: Check = (spec) => {
  const used = ['hostNetwork', 'hostPID', 'hostIPC'].filter((field) => spec[field] === true);
  return used.length === 0
    ? undefined
    : { reason: 'host namespaces', detail: used.map((field) => `${field}=true`).join(', ') };
};

const hostPathVolumes: Check = (spec) => {
  const bad = listAt(spec, 'volumes').filter((volume) => at(volume, 'hostPath') !== undefined);
  const names = bad.map((volume) => textAt(volume, 'name'));
  return bad.length === 0
    ? undefined
    : { reason: 'hostPath volumes', detail: `${counted(bad, 'volume', 'volumes')} ${quoted(names)}` };
};

const hostPortsOf = (container: unknown): readonly string[] =>
  listAt(container, 'ports')
    .map((port) => numberAt(port, 'hostPort') ?? 0)
    .filter((port) => port !== 0)
    .map(String);

const hostPorts: Check = (spec) => {
  const bad = containersOf(spec).filter((one) => hostPortsOf(one).length > 0);
  const ports = distinct(bad.flatMap(hostPortsOf));
  const uses = `${counted(bad, 'uses', 'use')} ${counted(ports, 'hostPort', 'hostPorts')} ${ports.join(', ')}`;
  return bad.length === 0 ? undefined : { reason: 'hostPort', detail: `${containersNamed(bad)} ${uses}` };
};

const privileged = everyContainer(
  'privileged',
  'must not set securityContext.privileged=true',
  (one) => security(one, 'privileged') === true,
);

const procMountOf = (container: unknown): string => textAt(security(container), 'procMount');

const procMount: Check = (spec) => {
  const bad = containersOf(spec).filter((one) => !['', 'Default'].includes(procMountOf(one)));
  const used = quoted(distinct(bad.map(procMountOf)));
  return bad.length === 0
    ? undefined
    : { reason: 'procMount', detail: `${containersNamed(bad)} must not set securityContext.procMount to ${used}` };
};

const isUnconfined = (owner: unknown): boolean => textAt(security(owner), 'seccompProfile', 'type') === 'Unconfined';

/** Who sets the seccomp profile that takes all confinement away; undefined where nobody does. */
export const unconfined = (spec: Parameters<Check>[0]): string | undefined => {
  const bad = containersOf(spec).filter(isUnconfined);
  const who = [...(isUnconfined(spec) ? ['pod'] : []), ...(bad.length === 0 ? [] : [containersNamed(bad)])];
  return who.length === 0
    ? undefined
    : `${who.join(' and ')} must not set securityContext.seccompProfile.type to "Unconfined"`;
};

const seccompProfile: Check = (spec) => {
  const detail = unconfined(spec);
  return detail === undefined ? undefined : { reason: 'seccompProfile', detail };
};

/** What `restricted` asks for as well; the rest of `baseline` it replaces by stricter rules. */
export const baselineOfAll: readonly Check[] = [hostNamespaces, hostPorts, privileged, procMount];

/** The rules of `baseline`, in the API server's order. */
export const baseline: readonly Check[] = [
  capabilities,
  hostNamespaces,
  hostPathVolumes,
  hostPorts,
  privileged,
  procMount,
  seccompProfile,
];
