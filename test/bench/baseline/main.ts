/** A program that works by kube-fledged's rules, for comparison: runs one operation per cache of a namespace, one after the other. */
import { parseArgs } from 'node:util';
import * as z from 'zod/mini';
import { createApi } from '#runtime/api/create-api.ts';
import { busybox, noopHelper } from './fledged-job.ts';
import { carryOut, named } from './operation.ts';

const { values } = parseArgs({
  options: {
    kubeconfig: { type: 'string', default: '' },
    master: { type: 'string', default: '' },
    namespace: { type: 'string', default: 'default' },
    noop: { type: 'string', default: '' },
    'deadline-seconds': { type: 'string', default: '300' },
  },
});
const { namespace, noop } = values;
const deadline = Number(values['deadline-seconds']) * 1000;
const helper = noop === '' ? busybox : noopHelper(noop);
const api = createApi({ kubeconfig: values.kubeconfig, master: values.master, inCluster: false });
const change = z.object({ type: z.string(), object: named });

const caches = `/apis/kubefledged.io/v1alpha2/namespaces/${namespace}/imagecaches`;
await api.request({ method: 'GET', path: caches }); // retried until the CRD is served; a watch is not
const watching = api.lines({ method: 'GET', path: `${caches}?watch=true&timeoutSeconds=7200` }); // starts with the existing caches
process.stdout.write('watching\n');
for await (const line of watching) {
  const { type, object } = change.parse(JSON.parse(line));
  if (type === 'ADDED') await carryOut({ api, helper, deadline, cache: { namespace, name: object.metadata.name } });
}
