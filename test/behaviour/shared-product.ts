import type { Product, Start } from './product.ts';

type User = { hasLeft: boolean };

/**
 * One product for scenarios side by side: it starts with the first of them, and ends when the last has left. Each scenario asks for its view once.
 * Whoever wants settings of its own, or starts anew what others still use, gets an Error: nothing of that would happen.
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
