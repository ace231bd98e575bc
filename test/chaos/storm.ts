import type { IncomingMessage } from 'node:http';
import { misbehave } from './api-edge.ts';
import { noMishaps, type Mishaps } from './broker.ts';
import { chance, type Chance } from './chance.ts';
import type { Chronicle } from './chronicle.ts';
import { faultFor, weatherOf, type Fault } from './faults.ts';
import type { Link, Network } from './network.ts';
import type { Supervisor } from './supervisor.ts';
import type { VirtualTime } from './virtual-time.ts';

/** The chaos of a run: between the product and the API server, between sources and functions, and among its processes. */
export type Storm = {
  readonly begin: () => void;
  readonly end: () => void;
  readonly isOn: () => boolean;
  /** What becomes of events that a Broker has taken. */
  readonly mishaps: () => Mishaps;
};

type Place = {
  readonly seed: number;
  readonly apiPort: number;
  readonly time: VirtualTime;
  readonly network: Network;
  readonly supervised: Supervisor;
  readonly record: Chronicle;
  readonly told: (line: string) => void;
};

export function storm(place: Place): Storm {
  const { seed, apiPort, time, network, supervised, record, told } = place;
  const draw = chance(seed, 'storm');
  const weather = weatherOf(draw);
  const events: Mishaps = {
    lost: draw.pick([0, 0.1, 0.5, 1]),
    doubled: draw.pick([0, 0.3]),
    delayed: draw.pick([0, 0.4]),
  };
  let isOn = false;
  let killsLeft = weather.kills;

  const toApi = (request: IncomingMessage): Fault | undefined => {
    const asked = { method: request.method ?? '', path: request.url ?? '' };
    if (killsLeft > 0 && draw.is(0.02)) {
      killsLeft -= 1;
      return { type: 'kill', isDone: draw.is(0.5) };
    }
    return faultFor(asked, weather.rate, draw);
  };
  const toFunction = (): Fault | undefined => (draw.is(weather.rate) ? eventFault(draw) : undefined);

  network.onListen((server, port) => {
    misbehave(server, {
      linkOf: network.linkOf,
      after: (ms, run) => void time.after(ms, () => isOn && run()),
      later: (ms, run) => void time.after(ms, run),
      kill: ({ client }: Link) => client && supervised.kill(client),
      fault: (request, { client }) => {
        if (port === apiPort && supervised.isMine(client))
          record.request(client?.name ?? '', `${request.method ?? ''} ${request.url ?? ''}`);
        if (!isOn || (port === apiPort && !supervised.isMine(client))) return undefined;
        const fault = port === apiPort ? toApi(request) : toFunction();
        if (fault !== undefined) record.fault(nameOf(fault));
        return fault;
      },
    });
  });

  const restart = (): void => {
    if (!isOn) return;
    record.fault('API server restarted');
    network.down(apiPort);
    time.after(draw.between(500, 10_000), () => network.up(apiPort));
  };
  return {
    begin: () => {
      isOn = true;
      told(`weather: ${JSON.stringify({ ...weather, ...events })}`);
      for (let count = 0; count < weather.restarts; count += 1) time.after(draw.between(1_000, 60_000), restart);
    },
    end: () => {
      isOn = false;
      network.up(apiPort);
    },
    isOn: () => isOn,
    mishaps: () => (isOn ? events : noMishaps),
  };
}

const eventFault = (draw: Chance): Fault =>
  draw.pick<Fault>([
    { type: 'reset', isDone: draw.is(0.5) },
    { type: 'vanish', isDone: draw.is(0.5) },
    { type: 'delay', ms: draw.between(100, 40_000) },
    { type: 'refuse', code: 503, isDone: draw.is(0.5) },
  ]);

const nameOf = (fault: Fault): string =>
  [fault.type, 'code' in fault ? fault.code : '', 'isDone' in fault && fault.isDone ? 'when done' : '']
    .filter((word) => word !== '')
    .join(' ');
