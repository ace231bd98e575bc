import { type JsonObject, objectAt } from '../../json.ts';
import type { Core } from '../core.ts';
import { namespaces } from '../kinds/namespace.ts';
import { type KubeObject, labelsOf, nameOf, namespaceOf } from '../kube-object.ts';
import { type Resource, storageKey } from '../resource.ts';
import { forbidden, notImplemented } from '../status-error.ts';
import { baseline } from './baseline.ts';
import type { Check } from './check.ts';
import { type Level, levelsOf } from './labels.ts';
import { restricted } from './restricted.ts';
import { unchecked } from './unchecked.ts';

const checksOf: Readonly<Record<Level, readonly Check[]>> = { privileged: [], baseline, restricted };

const levelsAt = (core: Core, object: KubeObject): { readonly enforce: Level; readonly warn: Level } => {
  const namespace = core.store.get(storageKey(namespaces), '', namespaceOf(object));
  return levelsOf(namespace === undefined ? {} : labelsOf(namespace));
};

/** What a spec does that a level does not allow, in one text; undefined where it does nothing of the kind. */
const violated = (spec: JsonObject, level: Level): string | undefined => {
  const found = checksOf[level].map((check) => check(spec)).filter((one) => one !== undefined);
  if (found.length === 0) return undefined;
  const told = found.map(({ reason, detail }) => `${reason} (${detail})`).join(', ');
  return `violate PodSecurity "${level}:latest": ${told}`;
};

/** A pod keeps the rules of the level that its namespace enforces. Throws 403; 501 where a rule cannot be told. */
export const admitToLevel = (core: Core, resource: Resource, object: KubeObject): void => {
  if (resource.kind !== 'Pod') return;
  const { enforce } = levelsAt(core, object);
  const spec = objectAt(object, 'spec');
  const unknown = enforce === 'privileged' ? undefined : unchecked(spec);
  if (unknown !== undefined) throw notImplemented(`PodSecurity's look at ${unknown}`);
  const violation = violated(spec, enforce);
  if (violation !== undefined) throw forbidden(resource, nameOf(object), violation.replace('violate', 'violates'));
};

/** What a client is warned of: a pod, or one that a Job will make, which breaks the rules that its namespace warns about. */
export const levelWarnings = (core: Core, resource: Resource, object: KubeObject): readonly string[] => {
  if (resource.kind !== 'Pod' && resource.kind !== 'Job') return [];
  const spec = resource.kind === 'Pod' ? objectAt(object, 'spec') : objectAt(object, 'spec', 'template', 'spec');
  const violation = violated(spec, levelsAt(core, object).warn);
  return violation === undefined ? [] : [`would ${violation}`];
};
