import type { Lab } from '../cluster/lab.ts';

type KubeletOptions = {
  /** Lines of its configuration. */
  readonly settings?: readonly string[];
  readonly flags?: readonly string[];
};

const script = `
sed -i '/^# of a test$/,$d' /var/lib/kubelet/config.yaml
printf '%s\\n' '# of a test' "$2" >> /var/lib/kubelet/config.yaml
echo "$1" > /var/lib/kubelet/flags
until pkill -9 -x kubelet; do sleep 0.1; done`;

/** Kills the kubelet of a node, which is then started again with these options instead of those of an earlier call. */
export async function restartKubelet(lab: Lab, node: number, options: KubeletOptions = {}): Promise<void> {
  const { settings = [], flags = [] } = options;
  await lab.node(node, 'bash', '-ec', script, 'restart', flags.join(' '), settings.join('\n'));
}
