import type { Mishaps } from './broker.ts';
import { chance, type Chance } from './chance.ts';
import { faultFor, weatherOf, type Asked, type Fault, type Weather } from './faults.ts';

/** All that is to go wrong in a seed, drawn as it is asked for: on one kind of cluster as on another. */
export type Forecast = {
  readonly weather: Weather;
  /** What a Broker does to events. */
  readonly events: Mishaps;
  /** What is to go wrong with a request to the API server, and with one to a function. */
  readonly toApi: (asked: Asked) => Fault | undefined;
  readonly toFunction: () => Fault | undefined;
  readonly draw: Chance;
};

export function forecast(seed: number): Forecast {
  const draw = chance(seed, 'storm');
  const weather = weatherOf(draw);
  const events: Mishaps = {
    lost: draw.pick([0, 0.1, 0.5, 1]),
    doubled: draw.pick([0, 0.3]),
    delayed: draw.pick([0, 0.4]),
  };
  let killsLeft = weather.kills;
  return {
    weather,
    events,
    draw,
    toApi: (asked) => {
      if (killsLeft > 0 && draw.is(0.02)) {
        killsLeft -= 1;
        return { type: 'kill', isDone: draw.is(0.5) };
      }
      return faultFor(asked, weather.rate, draw);
    },
    toFunction: () => (draw.is(weather.rate) ? eventFault(draw) : undefined),
  };
}

const eventFault = (draw: Chance): Fault =>
  draw.pick<Fault>([
    { type: 'reset', isDone: draw.is(0.5) },
    { type: 'vanish', isDone: draw.is(0.5) },
    { type: 'delay', ms: draw.between(100, 40_000) },
    { type: 'refuse', code: 503, isDone: draw.is(0.5) },
  ]);

/** What a chronicle calls a fault. */
export const faultName = (fault: Fault): string =>
  [fault.type, 'code' in fault ? fault.code : '', 'isDone' in fault && fault.isDone ? 'when done' : '']
    .filter((word) => word !== '')
    .join(' ');
