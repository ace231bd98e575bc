import { invalidValue } from '../schema/field-errors.ts';
import { type FieldError, notImplemented } from '../status-error.ts';

const levels = ['privileged', 'baseline', 'restricted'] as const;

/** How much of what a pod can do a namespace allows, from all to little. */
export type Level = (typeof levels)[number];

type Labels = Readonly<Record<string, string>>;

const labelOf = (mode: string): string => `pod-security.kubernetes.io/${mode}`;

const levelIn = (labels: Labels, mode: string): Level | undefined =>
  levels.find((level) => level === labels[labelOf(mode)]);

/** The levels that a namespace's labels ask for; it warns of what it enforces unless it says otherwise. */
export const levelsOf = (labels: Labels): { readonly enforce: Level; readonly warn: Level } => {
  const enforce = levelIn(labels, 'enforce') ?? 'privileged';
  return { enforce, warn: levelIn(labels, 'warn') ?? enforce };
};

/** What is wrong with a namespace's labels of pod security. Throws 501 for the rules of an older version. */
export const levelErrors = (labels: Labels): readonly FieldError[] => {
  for (const mode of ['enforce', 'warn'])
    if ((labels[`${labelOf(mode)}-version`] ?? 'latest') !== 'latest')
      throw notImplemented('PodSecurity of other versions than latest');
  return ['enforce', 'audit', 'warn']
    .map(labelOf)
    .filter((label) => labels[label] !== undefined && !levels.some((level) => level === labels[label]))
    .map((label) =>
      invalidValue(`metadata.labels[${label}]`, labels[label], 'must be one of privileged, baseline, restricted'),
    );
};
