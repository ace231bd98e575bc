import { isList, isObject } from '../json.ts';

/** A place inside a value: keys and indexes from the root. */
export type Steps = readonly (string | number)[];

/** How Kubernetes writes a place: `spec.cacheSpec[0].images[2]`. */
export const fieldPath = (steps: Steps): string =>
  steps.map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`)).join('');

/** The place that a JSON pointer names in a value; a number only where there is a list. */
export const stepsOfPointer = (pointer: string, root: unknown): Steps => {
  const steps: (string | number)[] = [];
  let value = root;
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (isList(value)) {
      steps.push(Number(key));
      value = value[Number(key)];
    } else {
      steps.push(key);
      value = isObject(value) ? value[key] : undefined;
    }
  }
  return steps;
};
