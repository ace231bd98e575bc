import { type JsonObject, at, listAt, textAt } from '../../json.ts';

/** What a pod's spec does that a level does not allow, in the API server's words. */
export type Violation = { readonly reason: string; readonly detail: string };

/** One rule of a level; undefined where the spec keeps it. */
export type Check = (spec: JsonObject) => Violation | undefined;

/** All containers, in the order in which the API server looks at them. */
export const containersOf = (spec: JsonObject): readonly unknown[] =>
  (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((field) => listAt(spec, field));

export const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ');

export const counted = (names: readonly unknown[], one: string, more: string): string =>
  names.length === 1 ? one : more;

export const distinct = (names: readonly string[]): readonly string[] => [...new Set(names)].sort();

/** `container "a"` or `containers "a", "b"`. */
export const containersNamed = (containers: readonly unknown[]): string =>
  `${counted(containers, 'container', 'containers')} ${quoted(containers.map((one) => textAt(one, 'name')))}`;

export const security = (owner: unknown, ...path: readonly string[]): unknown => at(owner, 'securityContext', ...path);

/** A rule that every container by itself keeps or breaks. */
export const everyContainer =
  (reason: string, must: string, isBad: (container: unknown) => boolean): Check =>
  (spec) => {
    const bad = containersOf(spec).filter(isBad);
    return bad.length === 0 ? undefined : { reason, detail: `${containersNamed(bad)} ${must}` };
  };
