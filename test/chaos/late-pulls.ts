import * as z from 'zod/mini';

const seenPull = z.object({
  involvedObject: z.object({ name: z._default(z.string(), '') }),
  source: z._default(z.object({ host: z._default(z.string(), '') }), { host: '' }),
  message: z._default(z.string(), ''),
  count: z._default(z.number(), 1),
});

/** Pulls, as `node image`, whose Pod was deleted before they ended, from the Events of kubelets. */
export function latePulls(events: readonly unknown[]): readonly string[] {
  const open = new Map<string, number>();
  for (const { involvedObject, source, message, count } of events.map((each) => seenPull.parse(each))) {
    const [, verb, image = ''] = /^(Pulling|Successfully pulled|Failed to pull) image "([^"]+)"/.exec(message) ?? [];
    const key = `${involvedObject.name} ${source.host} ${image}`;
    if (verb !== undefined) open.set(key, (open.get(key) ?? 0) + (verb === 'Pulling' ? count : -count));
  }
  return [...open].flatMap(([key, left]) => (left > 0 ? [key.replace(/^\S* /, '')] : [])).toSorted();
}
