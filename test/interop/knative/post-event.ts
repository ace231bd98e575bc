import { text } from 'node:stream/consumers';
import type { Lab } from '../../cluster/lab.ts';
import { namespace } from './install-knative.ts';

export type Posted = { readonly status: number; readonly body: string };

/** Attributes of an event by name; id, source and specversion have defaults. */
export type Attributes = Readonly<Record<string, string>>;

/** Posts an event to the Broker like any source, and returns the Broker's response after all Triggers have handled it. */
export async function postEvent(lab: Lab, attributes: Attributes): Promise<Posted> {
  const event = { specversion: '1.0', id: crypto.randomUUID(), source: '/test', ...attributes };
  const headers = Object.fromEntries(Object.entries(event).map(([name, value]) => [`ce-${name}`, value]));
  const url = `http://${await ingressAddress(lab)}:8080/${namespace}/imagecaches`;
  const script = `fetch(${JSON.stringify(url)}, { method: 'POST', headers: ${JSON.stringify(headers)} })
    .then(async (answer) => console.log(JSON.stringify({ status: answer.status, body: await answer.text() })))`;
  const child = lab.enter(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  if (child.stdout === null) throw new Error('node was started without a pipe');
  return JSON.parse(await text(child.stdout)) as Posted;
}

/** An event for a change of a cache. */
export const cacheEvent = (where: string, name: string, verb = 'add'): Attributes => ({
  type: `dev.knative.apiserver.ref.${verb}`,
  subject: `/apis/kubefledged.io/v1alpha2/namespaces/${where}/imagecaches/${name}`,
  kind: 'ImageCache',
  apiversion: 'kubefledged.io/v1alpha2',
  namespace: where,
  name,
});

/** Services are only reachable from Pods, but Pods are reachable from the whole lab. */
const ingressAddress = (lab: Lab): Promise<string> =>
  lab.ask(
    ...['-n', 'knative-eventing', 'get', 'pods', '-l', 'eventing.knative.dev/brokerRole=ingress'],
    ...['-o', 'jsonpath={.items[0].status.podIP}'],
  );
