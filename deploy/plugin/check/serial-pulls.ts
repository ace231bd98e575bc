import * as z from 'zod/mini';
import type { Api } from '#runtime/api/api.ts';
import { askKubelets } from '../ask-kubelets.ts';
import { nodeList } from '../node-list.ts';

const configuration = z.object({ kubeletconfig: z.object({ serializeImagePulls: z.optional(z.boolean()) }) });

/** Advice about the kubelets of these nodes that pull one image after another; '' if none is known to. */
export async function serialPullsAdvice(api: Api, names: readonly string[]): Promise<string> {
  const isSerial = await askKubelets(api, names, {
    path: 'configz',
    parse: (answer) => configuration.safeParse(answer).data?.kubeletconfig.serializeImagePulls,
  });
  const serial = [...isSerial].flatMap(([name, is]) => (is ? [name] : [])).toSorted();
  if (serial.length === 0) return '';
  const verb = serial.length === 1 ? 'pulls' : 'pull';
  return `${nodeList(serial, false)} ${verb} one image after another: a pull that does not end keeps all others waiting there. Set serializeImagePulls: false and maxParallelImagePulls in the configuration of the kubelet.`;
}
