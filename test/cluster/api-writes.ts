/** Writes of all clients that an API server has answered since it started: by `VERB resource/subresource`, and in total. */
export type ApiWrites = { readonly total: number; readonly by: Readonly<Record<string, number>> };

const writingVerbs = new Set(['POST', 'PUT', 'PATCH', 'DELETE', 'APPLY', 'DELETECOLLECTION']);
/** Heartbeats of kubelets and leaders, which are not part of the measured work. */
const heartbeats = new Set(['leases', 'nodes/status']);

const labelsOf = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries([...text.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]));

const sample = /^apiserver_request_total\{(.*)\} (\S+)$/gm;

/** Parses the writes from an API server's /metrics (apiserver_request_total), without heartbeats and dry runs. */
export const apiWritesIn = (metrics: string): ApiWrites => {
  const by: Record<string, number> = {};
  for (const [, text = '', count = '0'] of metrics.matchAll(sample)) {
    const { verb = '', resource = '', subresource = '', dry_run: dryRun = '' } = labelsOf(text);
    const what = subresource === '' ? resource : `${resource}/${subresource}`;
    if (!writingVerbs.has(verb) || heartbeats.has(what) || dryRun !== '') continue;
    const request = `${verb} ${what}`;
    by[request] = (by[request] ?? 0) + Number(count);
  }
  return { total: Object.values(by).reduce((sum, count) => sum + count, 0), by };
};

/** The writes between two readings of one API server. */
export const writesBetween = (before: ApiWrites, after: ApiWrites): ApiWrites => ({
  total: after.total - before.total,
  by: Object.fromEntries(
    Object.entries(after.by)
      .map(([request, count]) => [request, count - (before.by[request] ?? 0)] as const)
      .filter(([, count]) => count !== 0),
  ),
});
