/** One measured point: what it depends on, term by term, and what came out. */
export type Point = { readonly terms: readonly number[]; readonly value: number };

/**
 * The coefficients, none below 0, with which the sum of the terms comes nearest to the points, judged by the error in proportion to each value:
 * a small cluster counts as much as a large one. Throws where there are fewer points than terms.
 */
export function fitted(points: readonly Point[]): readonly number[] {
  const count = points[0]?.terms.length ?? 0;
  if (points.length < count || count === 0) throw new Error(`${points.length} points do not settle ${count} terms`);
  const scaled = points.map(({ terms, value }) => terms.map((term) => term / value));
  return withoutNegatives(
    scaled,
    Array.from({ length: count }, (_, index) => index),
  );
}

/** A cost that would come out negative is none: fitted again without it. */
function withoutNegatives(rows: readonly (readonly number[])[], used: readonly number[]): readonly number[] {
  const width = rows[0]?.length ?? 0;
  const solution = leastSquares(rows.map((row) => used.map((index) => row[index] ?? 0)));
  const worst = solution.reduce((lowest, value, at) => (value < (solution[lowest] ?? 0) ? at : lowest), 0);
  if ((solution[worst] ?? 0) < 0)
    return withoutNegatives(
      rows,
      used.filter((_, at) => at !== worst),
    );
  const coefficients = Array.from({ length: width }, () => 0);
  used.forEach((index, at) => (coefficients[index] = solution[at] ?? 0));
  return coefficients;
}

/** Solves rows · x ≈ 1 by its normal equations. */
function leastSquares(rows: readonly (readonly number[])[]): readonly number[] {
  const width = rows[0]?.length ?? 0;
  const matrix = Array.from({ length: width }, (_, i) => [
    ...Array.from({ length: width }, (__, j) => rows.reduce((sum, row) => sum + (row[i] ?? 0) * (row[j] ?? 0), 0)),
    rows.reduce((sum, row) => sum + (row[i] ?? 0), 0),
  ]);
  return solved(matrix);
}

/** Gauss and Jordan, the largest pivot first. */
function solved(matrix: readonly (readonly number[])[]): readonly number[] {
  const rows = matrix.map((row) => [...row]);
  const width = rows.length;
  for (let column = 0; column < width; column += 1) {
    const pivots = rows.slice(column).map((row) => Math.abs(row[column] ?? 0));
    const best = column + pivots.indexOf(Math.max(...pivots));
    const [pivot, here] = [rows[best] ?? [], rows[column] ?? []];
    rows[best] = here;
    const divisor = pivot[column] ?? 0;
    if (divisor === 0) throw new Error('the terms do not differ from each other');
    const scaled = pivot.map((value) => value / divisor);
    rows.forEach((row, index) => {
      const factor = row[column] ?? 0;
      rows[index] = index === column ? scaled : row.map((value, at) => value - factor * (scaled[at] ?? 0));
    });
    rows[column] = scaled;
  }
  return rows.map((row) => row[width] ?? 0);
}

/** What the coefficients say of a point. */
export const predicted = (coefficients: readonly number[], terms: readonly number[]): number =>
  terms.reduce((sum, term, index) => sum + term * (coefficients[index] ?? 0), 0);

/** By how much that is off, in proportion to what was measured: 0.1 is a tenth too much. */
export const errorOf = (coefficients: readonly number[], { terms, value }: Point): number =>
  predicted(coefficients, terms) / value - 1;
