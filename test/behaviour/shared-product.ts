import type { Product, Start } from './product.ts';

type User = { hasLeft: boolean };

/**
 * One product for concurrent scenarios: it starts with the first and stops after the last. Each scenario requests its view once.
 * Throws if a scenario wants its own settings or a restart while others use the product.
 */
export function sharedProduct(product: Product): () => Product {
  const users = new Set<User>();
  let before: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(act: () => Promise<T>): Promise<T> => {
    const now = before.then(act);
    before = now.catch(() => undefined);
    return now;
  };
  const join = async (user: User, start: Start | undefined): Promise<void> => {
    if (users.size === 0) await product.start(start);
    else if (start !== undefined || user.hasLeft)
      throw new Error('others use this product: the scenario has to say hasProductToItself');
    users.add(user);
  };
  const leave = <T>(user: User, end: () => Promise<T>, otherwise: T): Promise<T> =>
    inTurn(async () => {
      user.hasLeft = true;
      return users.delete(user) && users.size === 0 ? end() : otherwise;
    });
  return () => {
    const user: User = { hasLeft: false };
    let since: number | undefined;
    return {
      ...product,
      start: (start) => {
        since ??= product.log().length;
        return inTurn(() => join(user, start));
      },
      stop: () => leave(user, product.stop, 0),
      kill: () => leave(user, product.kill, undefined),
      complaints: () => product.complaints(since),
    };
  };
}
