import * as z from 'zod/mini';
import { anonymousPulls } from './access.ts';
import { list, map } from './codec.ts';
import { condition, placement, statusValues, storedFailures } from './image-cache.ts';
import { ledgerEntry } from './ledger.ts';
import { registryUse } from './registry-use.ts';
import { removalEntry } from './removal-ledger.ts';
import { storedRound } from './round.ts';
import { optional, strings, time, withDefault } from './schema-fields.ts';

/** An entry of `status.images`. */
export const image = z.object({
  image: z.string(),
  digest: withDefault(z.string(), ''),
  anonymousPull: optional(z.enum(anonymousPulls)),
  resolvedDigest: withDefault(z.string(), ''),
  unresolvedReason: withDefault(z.string(), ''),
  digestMismatch: withDefault(z.boolean(), false),
  lastUnresolvedPullTime: time,
  registryAnswer: optional(z.literal('NotFound')),
});

/** `status` as stored. Invalid fields count as absent: at worst, work is repeated. */
export const status = z.object({
  status: z.catch(withDefault(z.enum(statusValues), ''), 'Unknown'),
  reason: z.catch(withDefault(z.string(), ''), ''),
  message: z.catch(withDefault(z.string(), ''), ''),
  startTime: z.catch(time, undefined),
  completionTime: z.catch(time, undefined),
  failures: z.catch(storedFailures.schema, {}),
  observedGeneration: z.catch(optional(z.number()), undefined),
  conditions: z.catch(list(condition).schema, []),
  images: z.catch(withDefault(z.array(image), []), []),
  nodes: z.catch(map(ledgerEntry).schema, {}),
  desired: z.catch(withDefault(z.record(z.string(), z.array(z.number())), {}), {}),
  // Not as if it were absent: the images of workloads would then be removed.
  imagesFrom: z.optional(z.unknown()),
  placements: z.catch(list(placement).schema, []),
  removals: z.catch(map(removalEntry).schema, {}),
  toRemove: z.catch(withDefault(z.record(z.string(), strings), {}), {}),
  round: z.catch(optional(storedRound.schema), undefined),
  lastRefreshTime: z.catch(time, undefined),
  nextRefreshTime: z.catch(time, undefined),
  nextWaveTime: z.catch(time, undefined),
  registries: z.catch(map(registryUse).schema, {}),
  lastHandledRefreshAt: z.catch(withDefault(z.string(), ''), ''),
  lastHandledPurgeAt: z.catch(withDefault(z.string(), ''), ''),
});
