import { expect, it } from 'vitest';
import { labUnderTest } from '../behaviour/lab-under-test.ts';
import { measureNeighbour, ratioOf } from './neighbour/measure.ts';
import { endlessEdits, type Load } from './neighbour/loads.ts';

/** A tenant's load that ends within seconds; how long the neighbour takes is not judged here. */
const load: Load = {
  name: 'edits',
  apply: (tenant) => endlessEdits(tenant, tenant.edit),
  control: { name: 'dry runs', apply: (tenant) => endlessEdits(tenant, tenant.tryEdit) },
};

it('measures a neighbour alone, beside a load, and beside its control', async () => {
  const lab = await labUnderTest(2);
  const [measured] = await measureNeighbour({ kubeconfig: lab.kubeconfig, loads: [load], repetitions: 1 });
  if (measured === undefined) throw new Error('nothing was measured');
  const { alone, underLoad, control } = measured;
  expect(measured).toMatchObject({ load: 'edits', control: { load: 'dry runs' } });
  expect([alone.length, underLoad.length, control?.underLoad.length]).toEqual([2, 1, 1]);
  for (const time of [...alone, ...underLoad, ...(control?.underLoad ?? [])]) expect(time).toBeLessThan(60_000);
  expect(measured.editsPerMinute).toBeGreaterThan(0);
  expect(control?.editsPerMinute).toBeGreaterThan(0);
});

it('compares with the control where it takes longer than alone', () => {
  const control = { load: 'control', underLoad: [200], editsPerMinute: 0 };
  expect(ratioOf({ alone: [100], underLoad: [300] })).toBe(3);
  expect(ratioOf({ alone: [100], underLoad: [300], control })).toBe(1.5);
});
