import type { SeededRandom } from '../chaos/seeded-random.ts';
import { hostileEvents } from './hostile-events.ts';
import { hostileWire } from './hostile-wire.ts';
import { randomBytes, type Hostile, type Make } from './request-bytes.ts';

const kinds: Readonly<Record<string, Make>> = { ...hostileEvents, ...hostileWire };
const names = Object.keys(kinds);

/** A random hostile request. */
export function hostileRequest(chance: SeededRandom): Hostile {
  const kind = names[chance.between(0, names.length - 1)] ?? 'noise';
  return { kind, ...(kinds[kind] ?? noise)(chance) };
}

const noise: Make = (chance) => ({ pieces: [randomBytes(chance, 100)], isWhole: false });
