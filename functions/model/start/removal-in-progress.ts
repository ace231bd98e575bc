import { removalRuns as reason } from '#model/cache/ledger.ts';
import { normalisedReference } from '#model/text/image-reference.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import type { ReasonToWait } from './reason-to-wait.ts';

/** A node waits while this cache removes images from it, or another cache removes one that it must have: no image is pulled and removed at once. */
export const removalInProgress: ReasonToWait = {
  records: { reason },
  prepare: ({ before, observed }) => ({
    waits: ({ name, entry, images }) => {
      if (ownEntry(before.status.removals, name)?.state === 'Removing') return true;
      const references = observed.removals.inProgress.get(entry.id);
      return references !== undefined && images.some((image) => references.has(normalisedReference(image)));
    },
  }),
};
