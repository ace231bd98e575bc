import * as z from 'zod/mini';
import type { Lab } from '../cluster/lab.ts';

const Holder = z.object({ namespace: z.string(), name: z.string() });
const Record = z.object({
  credentialMapping: z.nullish(
    z.record(
      z.string(),
      z.object({
        nodePodsAccessible: z.optional(z.boolean()),
        kubernetesSecrets: z.optional(z.array(Holder)),
        kubernetesServiceAccounts: z.optional(z.array(Holder)),
      }),
    ),
  ),
});

const folder = '/var/lib/kubelet/image_manager';

/**
 * Who may start an image, by repository, as a node's kubelet has recorded it: `Anyone`, or `namespace/name` of each secret
 * and service account. Images that it has no record of, or one without credentials, are absent.
 */
export async function pullRecords(lab: Lab, node: number): Promise<ReadonlyMap<string, readonly string[]>> {
  const lines = await lab.node(node, 'bash', '-c', `for f in ${folder}/pulled/*; do cat "$f"; echo; done`);
  const mappings = lines
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .flatMap((line) => Object.entries(Record.parse(JSON.parse(line)).credentialMapping ?? {}));
  return new Map(
    mappings.map(([repository, { nodePodsAccessible, kubernetesSecrets = [], kubernetesServiceAccounts = [] }]) => {
      const holders = [...kubernetesSecrets, ...kubernetesServiceAccounts];
      return [repository, nodePodsAccessible === true ? ['Anyone'] : holders.map(nameOf)];
    }),
  );
}

const nameOf = ({ namespace, name }: z.infer<typeof Holder>): string => `${namespace}/${name}`;

/** Whether a node's kubelet is pulling an image now, or was when it was killed. */
export const isPulling = async (lab: Lab, node: number, image: string): Promise<boolean> =>
  (await lab.node(node, 'bash', '-c', `cat ${folder}/pulling/* 2>/dev/null || true`)).includes(`"${image}"`);

/** Deletes all records of a node, and kills its kubelet, which is then started again without them. */
export const loseRecords = async (lab: Lab, node: number): Promise<void> => {
  await lab.node(node, 'bash', '-c', `rm ${folder}/pulled/* && pkill -9 -x kubelet`);
};
