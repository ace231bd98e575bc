import { misbehave } from './api-edge.ts';
import { noMishaps, type Mishaps } from './broker.ts';
import type { Chronicle } from './chronicle.ts';
import { faultName, forecast } from './forecast.ts';
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
  const { weather, events, draw, toApi, toFunction } = forecast(seed);
  let isOn = false;

  network.onListen((server, port) => {
    misbehave(server, {
      linkOf: network.linkOf,
      after: (ms, run) => void time.after(ms, () => isOn && run()),
      later: (ms, run) => void time.after(ms, run),
      kill: ({ client }: Link) => client && supervised.kill(client),
      fault: (request, { client }) => {
        const asked = { method: request.method ?? '', path: request.url ?? '' };
        if (port === apiPort && supervised.isMine(client))
          record.request(client?.name ?? '', `${asked.method} ${asked.path}`);
        if (!isOn || (port === apiPort && !supervised.isMine(client))) return undefined;
        const fault = port === apiPort ? toApi(asked) : toFunction();
        if (fault !== undefined) record.fault(faultName(fault));
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
