import type { Round } from '../results.ts';
import { fitted, predicted, type Point } from './fit.ts';

/** What a cost depends on: named terms of nodes and images. */
export type CostModel = {
  readonly name: string;
  readonly unit: string;
  readonly value: (round: Round) => number;
  readonly terms: readonly Term[];
};

type Term = { readonly name: string; readonly of: (size: Shape) => number };
export type Shape = { readonly nodes: number; readonly images: number };

/** A Job holds at most 32 images, so that from 33 on a node takes two (IMAGES_PER_JOB). */
const jobsOf = ({ nodes, images }: Shape): number => nodes * Math.ceil(images / 32);

const start: Term = { name: '1', of: () => 1 };
const jobs: Term = { name: 'Jobs', of: jobsOf };
const results: Term = { name: 'nodes × images', of: ({ nodes, images }) => nodes * images };
/** The status is one object that is written again and again, and holds an entry per node: each write costs as much as it is large. */
const rewrites: Term = { name: 'nodes²', of: ({ nodes }) => nodes * nodes };

export const costModels: readonly CostModel[] = [
  { name: 'API writes of all parties', unit: 'writes', value: ({ writes }) => writes.total, terms: [start, jobs] },
  {
    name: 'seconds until all is done',
    unit: 's',
    value: ({ secondsToDone }) => secondsToDone,
    terms: [start, jobs, results],
  },
  {
    name: 'processor seconds of our process',
    unit: 's',
    value: ({ cpuSeconds }) => cpuSeconds,
    terms: [start, jobs, rewrites],
  },
  { name: 'peak memory of our process', unit: 'MB', value: ({ peakMegabytes }) => peakMegabytes, terms: [start, jobs] },
];

export type FittedModel = CostModel & { readonly coefficients: readonly number[] };

export const pointOf = ({ value, terms }: CostModel, round: Round): Point => ({
  terms: terms.map(({ of }) => of(round)),
  value: value(round),
});

/** The model with what the rounds say; undefined where they are too few to say anything that could be wrong. */
export function fittedModel(model: CostModel, rounds: readonly Round[]): FittedModel | undefined {
  if (rounds.length <= model.terms.length) return undefined;
  return { ...model, coefficients: fitted(rounds.map((round) => pointOf(model, round))) };
}

export const predictedBy = ({ terms, coefficients }: FittedModel, shape: Shape): number =>
  predicted(
    coefficients,
    terms.map(({ of }) => of(shape)),
  );
