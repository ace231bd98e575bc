import { noMishaps, type Mishaps } from '../broker.ts';
import { forecast, type Forecast } from '../forecast.ts';

/** The forecast of a seed while there is chaos; before and after that nothing goes wrong. */
export type Sky = Pick<Forecast, 'toApi' | 'toFunction' | 'weather' | 'draw'> & {
  readonly isOn: () => boolean;
  readonly mishaps: () => Mishaps;
  readonly begin: () => void;
  readonly end: () => void;
};

export function skyOf(seed: number): Sky {
  const { toApi, toFunction, weather, draw, events } = forecast(seed);
  let isOn = false;
  return {
    weather,
    draw,
    isOn: () => isOn,
    toApi: (asked) => (isOn ? toApi(asked) : undefined),
    toFunction: () => (isOn ? toFunction() : undefined),
    mishaps: () => (isOn ? events : noMishaps),
    begin: () => void (isOn = true),
    end: () => void (isOn = false),
  };
}
