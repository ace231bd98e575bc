import type { Found, Round } from '../results.ts';
import { costModels, fittedModel, pointOf, predictedBy, type FittedModel } from './cost-model.ts';
import { errorOf } from './fit.ts';
import { percent, table, told } from './table.ts';

/** The model of each cost as a formula, and how far it is off at every size: at those it was fitted to, and at those it never saw. */
export function modelSection(rounds: Found['rounds'] | undefined): string {
  if (rounds === undefined) return '';
  const models = costModels.map((model) => fittedModel(model, rounds.measured)).filter((model) => model !== undefined);
  if (models.length === 0) return '';
  const formulas = models.map((model) => `* ${model.name} ≈ ${formula(model)}`).join('\n');
  const sizes = [
    ...rounds.measured.map((round) => ({ round, isFitted: true })),
    ...rounds.check.map((round) => ({ round, isFitted: false })),
  ];
  const rows = sizes.map(({ round, isFitted }) => [
    `${told(round.nodes)} × ${told(round.images)}${isFitted ? '' : ' (not fitted to)'}`,
    ...models.map((model) => compared(model, round)),
  ]);
  return `${formulas}\n\n${table(['measured, model, error', ...models.map(({ name }) => name)], rows)}`;
}

const compared = (model: FittedModel, round: Round): string =>
  `${told(model.value(round))}, ${told(predictedBy(model, round))}, ${percent(errorOf(model.coefficients, pointOf(model, round)))}`;

function formula({ terms, coefficients, unit }: FittedModel): string {
  const told_ = terms.flatMap(({ name }, index) => {
    const coefficient = coefficients[index] ?? 0;
    if (coefficient === 0) return [];
    return [name === '1' ? precise(coefficient) : `${precise(coefficient)} · ${name}`];
  });
  return `${told_.join(' + ')} ${unit === 'writes' ? '' : unit}`.trim();
}

/** Three digits, however small it is. */
const precise = (value: number): string => {
  const text = value.toPrecision(3);
  if (!text.includes('e')) return text;
  const [digits = '', power = ''] = text.split('e');
  return `${digits} × 10^${Number(power)}`;
};
