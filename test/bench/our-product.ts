import { nodeOptions } from '../../deploy/tools/images/functions-container.ts';
import { product, type Product } from '../behaviour/product.ts';
import type { Lab } from '../cluster/lab.ts';

/** Runs the product in one process as its image does, during `use`. Throws if it logged warnings, because the numbers mean nothing then. */
export async function withProduct<T>(
  lab: Lab,
  use: (running: Product) => Promise<T>,
  env: Readonly<Record<string, string>> = {},
): Promise<T> {
  const running = product({ kubeconfig: lab.kubeconfig, master: '', env: { NODE_OPTIONS: nodeOptions, ...env } });
  await running.start();
  const result = await use(running).finally(running.stop);
  const complaints = running.complaints();
  if (complaints.length > 0) throw new Error(`the product logged: ${complaints.slice(0, 3).join('\n')}`);
  return result;
}
