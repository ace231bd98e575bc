import { type JsonObject, at, isObject, listAt, textAt } from '../../json.ts';
import { additions, baselineOfAll, unconfined } from './baseline.ts';
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

const allowPrivilegeEscalation = everyContainer(
  'allowPrivilegeEscalation != false',
  'must set securityContext.allowPrivilegeEscalation=false',
  (one) => security(one, 'allowPrivilegeEscalation') !== false,
);

const capabilities: Check = (spec) => {
  const containers = containersOf(spec);
  const keeping = containers.filter((one) => !listAt(security(one), 'capabilities', 'drop').includes('ALL'));
  const details = [
    ...(keeping.length === 0 ? [] : [`${containersNamed(keeping)} must set securityContext.capabilities.drop=["ALL"]`]),
    ...[additions(containers, ['NET_BIND_SERVICE'])].filter((text) => text !== undefined),
  ];
  return details.length === 0 ? undefined : { reason: 'unrestricted capabilities', detail: details.join('; ') };
};

const allowedVolumes = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
];

const typeOf = (volume: unknown): string =>
  Object.keys(isObject(volume) ? volume : {}).find((field) => field !== 'name' && at(volume, field) !== undefined) ??
  'unknown';

const restrictedVolumes: Check = (spec) => {
  const bad = listAt(spec, 'volumes').filter((volume) => !allowedVolumes.includes(typeOf(volume)));
  const types = distinct(bad.map(typeOf));
  const names = quoted(bad.map((volume) => textAt(volume, 'name')));
  return bad.length === 0
    ? undefined
    : {
        reason: 'restricted volume types',
        detail: `${counted(bad, 'volume', 'volumes')} ${names} ${counted(bad, 'uses', 'use')} restricted volume ${counted(types, 'type', 'types')} ${quoted(types)}`,
      };
};

/** The pod and those containers of which something holds, as the subject of a sentence; undefined where it is none. */
const who = (spec: JsonObject, holds: (owner: unknown) => boolean): string | undefined => {
  const bad = containersOf(spec).filter(holds);
  const all = [...(holds(spec) ? ['pod'] : []), ...(bad.length === 0 ? [] : [containersNamed(bad)])];
  return all.length === 0 ? undefined : all.join(' and ');
};

const runAsNonRoot: Check = (spec) => {
  const reason = 'runAsNonRoot != true';
  const setting = who(spec, (owner) => security(owner, 'runAsNonRoot') === false);
  if (setting !== undefined) return { reason, detail: `${setting} must not set securityContext.runAsNonRoot=false` };
  if (security(spec, 'runAsNonRoot') === true) return undefined;
  const silent = containersOf(spec).filter((one) => security(one, 'runAsNonRoot') === undefined);
  return silent.length === 0
    ? undefined
    : { reason, detail: `pod or ${containersNamed(silent)} must set securityContext.runAsNonRoot=true` };
};

const runAsUser: Check = (spec) => {
  const root = who(spec, (owner) => security(owner, 'runAsUser') === 0);
  return root === undefined ? undefined : { reason: 'runAsUser=0', detail: `${root} must not set runAsUser=0` };
};

const hasProfile = (owner: unknown): boolean => security(owner, 'seccompProfile') !== undefined;

const seccompProfile: Check = (spec) => {
  const reason = 'seccompProfile';
  const explicit = unconfined(spec);
  if (explicit !== undefined) return { reason, detail: explicit };
  const silent = hasProfile(spec) ? [] : containersOf(spec).filter((one) => !hasProfile(one));
  return silent.length === 0
    ? undefined
    : {
        reason,
        detail: `pod or ${containersNamed(silent)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`,
      };
};

/** The rules of `restricted`, in the API server's order: those of `baseline` first. */
export const restricted: readonly Check[] = [
  ...baselineOfAll,
  allowPrivilegeEscalation,
  capabilities,
  restrictedVolumes,
  runAsNonRoot,
  runAsUser,
  seccompProfile,
];
