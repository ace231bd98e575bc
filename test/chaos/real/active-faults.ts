import { noDeliveryFaults, type DeliveryFaults } from '../broker.ts';
import { faultPlan, type FaultPlan } from '../fault-plan.ts';

/** The faults of a seed during the chaos; there are none before and after. */
export type ActiveFaults = Pick<FaultPlan, 'toApi' | 'toFunction' | 'rates' | 'random'> & {
  readonly isOn: () => boolean;
  readonly deliveryFaults: () => DeliveryFaults;
  readonly begin: () => void;
  readonly end: () => void;
};

export function activeFaults(seed: number): ActiveFaults {
  const { toApi, toFunction, rates, random, deliveryFaults } = faultPlan(seed);
  let isOn = false;
  return {
    rates,
    random,
    isOn: () => isOn,
    toApi: (asked) => (isOn ? toApi(asked) : undefined),
    toFunction: () => (isOn ? toFunction() : undefined),
    deliveryFaults: () => (isOn ? deliveryFaults : noDeliveryFaults),
    begin: () => void (isOn = true),
    end: () => void (isOn = false),
  };
}
