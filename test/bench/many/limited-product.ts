import { nodeOptions } from '../../../deploy/tools/images/functions-container.ts';
import { createCgroup, type Cgroup } from '../../security/memory/cgroup.ts';
import { startProduct, type ProductProcess } from '../../security/product-process.ts';

export type LimitedProduct = { readonly product: ProductProcess; readonly cgroup: Cgroup | undefined };

type Order = { readonly kubeconfig: string; readonly env?: Readonly<Record<string, string>> };

/** What a container of the chart has. */
const limit = 256 * 2 ** 20;

/** Runs the product as its image does, in a cgroup with the memory of its container where this process may create one. */
export async function withLimitedProduct<T>(
  { kubeconfig, env = {} }: Order,
  use: (running: LimitedProduct) => Promise<T>,
): Promise<T> {
  const cgroup = createCgroup(`imagecache-bench-${process.pid}`, limit);
  const by = cgroup?.by ?? [];
  const product = await startProduct({ kubeconfig, by, env: { NODE_OPTIONS: nodeOptions, ...env } });
  try {
    return await Promise.race([use({ product, cgroup }), ended(product)]);
  } finally {
    await product.stop();
    cgroup?.remove();
  }
}

async function ended(product: ProductProcess): Promise<never> {
  await product.closed;
  throw new Error(`the product ended with ${product.ended()}: ${product.log().slice(-2000)}`);
}
