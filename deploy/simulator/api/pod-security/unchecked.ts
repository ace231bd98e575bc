import { type JsonObject, at, listAt, textAt } from '../../json.ts';
import { containersOf, security } from './check.ts';

const contexts = ['appArmorProfile', 'seLinuxOptions', 'windowsOptions'] as const;

const reaches = (probe: unknown): boolean =>
  textAt(probe, 'httpGet', 'host') !== '' || textAt(probe, 'tcpSocket', 'host') !== '';

const hooksOf = (container: unknown): readonly unknown[] => [
  ...['livenessProbe', 'readinessProbe', 'startupProbe'].map((probe) => at(container, probe)),
  ...['postStart', 'preStop'].map((hook) => at(container, 'lifecycle', hook)),
];

/** The first of a spec's fields that PodSecurity looks at on a real cluster and not here. */
export const unchecked = (spec: JsonObject): string | undefined => {
  const owners = [spec, ...containersOf(spec)];
  const context = contexts.find((field) => owners.some((owner) => security(owner, field) !== undefined));
  if (context !== undefined) return `securityContext.${context}`;
  if (listAt(security(spec), 'sysctls').length > 0) return 'securityContext.sysctls';
  if (spec['hostUsers'] === false) return 'hostUsers';
  if (spec['os'] !== undefined) return 'os';
  return containersOf(spec).flatMap(hooksOf).some(reaches) ? 'hosts of probes and hooks' : undefined;
};
