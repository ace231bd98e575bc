import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startSimulator } from './start-simulator.ts';

const run = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '0' },
      nodes: { type: 'string', default: '3' },
      kubeconfig: { type: 'string' },
    },
  });
  const cluster = await startSimulator({
    port: Number(values.port),
    nodes: Number(values.nodes),
    crds: [join(import.meta.dirname, '../../crds/imagecache.yaml')],
  });
  console.log(`A small Kubernetes, in memory, for trying out and never for production: ${cluster.server}`);
  if (values.kubeconfig !== undefined) {
    await cluster.kubeconfig(values.kubeconfig);
    console.log(`export KUBECONFIG=${values.kubeconfig}`);
  }
  const end = (): void => {
    void cluster.stop().then(() => process.exit(0));
  };
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
};

if (import.meta.main)
  await run().catch((error: unknown) => {
    console.error(`simulator: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  });
