import { injectFaults } from './inject-faults.ts';
import { noDeliveryFaults, type DeliveryFaults } from './broker.ts';
import type { RunRecord } from './run-record.ts';
import { faultName, faultPlan } from './fault-plan.ts';
import type { Link, Network } from './network.ts';
import type { Supervisor } from './supervisor.ts';
import type { VirtualTime } from './virtual-time.ts';

/** The chaos of a run: faults of the API server and of deliveries, and kills of processes. */
export type Chaos = {
  readonly begin: () => void;
  readonly end: () => void;
  readonly isOn: () => boolean;
  /** The faults of events that a Broker has accepted. */
  readonly deliveryFaults: () => DeliveryFaults;
};

type ChaosOptions = {
  readonly seed: number;
  readonly apiPort: number;
  readonly time: VirtualTime;
  readonly network: Network;
  readonly supervised: Supervisor;
  readonly record: RunRecord;
  readonly log: (line: string) => void;
};

export function runChaos(place: ChaosOptions): Chaos {
  const { seed, apiPort, time, network, supervised, record, log } = place;
  const { rates, deliveryFaults, random, toApi, toFunction } = faultPlan(seed);
  let isOn = false;

  network.onListen((server, port) => {
    injectFaults(server, {
      linkOf: network.linkOf,
      after: (ms, run) => void time.after(ms, () => isOn && run()),
      afterAlways: (ms, run) => void time.after(ms, run),
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
    time.after(random.between(500, 10_000), () => network.up(apiPort));
  };
  return {
    begin: () => {
      isOn = true;
      log(`fault rates: ${JSON.stringify({ ...rates, ...deliveryFaults })}`);
      for (let count = 0; count < rates.restarts; count += 1) time.after(random.between(1_000, 60_000), restart);
    },
    end: () => {
      isOn = false;
      network.up(apiPort);
    },
    isOn: () => isOn,
    deliveryFaults: () => (isOn ? deliveryFaults : noDeliveryFaults),
  };
}
