import { noDeliveryFaults, type DeliveryFaults } from '../broker.ts';
import { faultPlan, type FaultPlan } from '../fault-plan.ts';

/** The forecast of a seed while there is chaos; before and after that nothing goes wrong. */
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
