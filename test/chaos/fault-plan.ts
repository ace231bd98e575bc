import type { DeliveryFaults } from './broker.ts';
import { seededRandom, type SeededRandom } from './seeded-random.ts';
import { faultFor, faultRatesOf, type ApiRequest, type Fault, type FaultRates } from './faults.ts';

/** All faults of a seed, drawn on demand in the same way for every kind of cluster. */
export type FaultPlan = {
  readonly rates: FaultRates;
  /** The faults of a Broker. */
  readonly deliveryFaults: DeliveryFaults;
  /** The faults of requests to the API server and to functions. */
  readonly toApi: (asked: ApiRequest) => Fault | undefined;
  readonly toFunction: () => Fault | undefined;
  readonly random: SeededRandom;
};

export function faultPlan(seed: number): FaultPlan {
  const random = seededRandom(seed, 'storm');
  const rates = faultRatesOf(random);
  const deliveryFaults: DeliveryFaults = {
    lost: random.pick([0, 0.1, 0.5, 1]),
    doubled: random.pick([0, 0.3]),
    delayed: random.pick([0, 0.4]),
  };
  let killsLeft = rates.kills;
  return {
    rates,
    deliveryFaults,
    random,
    toApi: (asked) => {
      if (killsLeft > 0 && random.is(0.02)) {
        killsLeft -= 1;
        return { type: 'kill', isDone: random.is(0.5) };
      }
      return faultFor(asked, rates.rate, random);
    },
    toFunction: () => (random.is(rates.rate) ? deliveryFault(random) : undefined),
  };
}

const deliveryFault = (random: SeededRandom): Fault =>
  random.pick<Fault>([
    { type: 'reset', isDone: random.is(0.5) },
    { type: 'vanish', isDone: random.is(0.5) },
    { type: 'delay', ms: random.between(100, 40_000) },
    { type: 'refuse', code: 503, isDone: random.is(0.5) },
  ]);

/** The name of a fault in the run record. */
export const faultName = (fault: Fault): string =>
  [fault.type, 'code' in fault ? fault.code : '', 'isDone' in fault && fault.isDone ? 'when done' : '']
    .filter((word) => word !== '')
    .join(' ');
