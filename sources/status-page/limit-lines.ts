import type { ImageCache } from '#model/cache/image-cache.ts';
import type { RegistryUse } from '#model/cache/registry-use.ts';
import { clockTime } from '#model/text/times.ts';
import { waveText } from '#model/desired/rollout.ts';

/** What bounds how fast the nodes of a cache pull now, unless its message says it: its wave, and registries with a limit. */
export function limitLines({ spec, status }: ImageCache): readonly string[] {
  const wave = waveText(spec.rollout, status.nodes, status.nextWaveTime);
  const registries = Object.entries(status.registries).flatMap(([host, use]) => {
    const parts = partsOf(use);
    return parts.length === 0 ? [] : [`${host} ${parts.join(', ')} (UTC)`];
  });
  return [...(status.message.includes(wave) ? [] : [wave]), ...registries];
}

const partsOf = (use: RegistryUse): readonly string[] => {
  const { pulls, pullsUntil, restsUntil, pullsLeft, pullsLeftUntil, waitsUntil } = use;
  return [
    ...until('rests until', restsUntil),
    ...until('has nodes wait until', waitsUntil),
    ...until(`has ${pullsLeft ?? 0} pulls left for nodes until`, pullsLeftUntil),
    ...until(`counts ${pulls} pulls of its budget until`, pullsUntil),
  ];
};

const until = (what: string, time: number | undefined): readonly string[] =>
  time === undefined ? [] : [`${what} ${clockTime(time)}`];
