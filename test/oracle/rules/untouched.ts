import type { Ending } from '../ending.ts';

/** Images that no cache ever listed, and those of running Pods, are still there. */
export const untouched = ({ nodes, record }: Ending): readonly string[] => {
  const cached = new Set([...record.lives.values()].flatMap(({ listed }) => [...listed]));
  return nodes.flatMap((node) =>
    record.used
      .filter(({ machine, image, isRunning }) => machine === node.machine && (isRunning || !cached.has(image)))
      .filter(({ image }) => !node.images.has(image))
      .filter(({ image }) => !record.takenAway.some((taken) => taken.node === node.name && taken.image === image))
      .map(({ image, isRunning }) => `${node.name} lacks ${image}, which ${isRunning ? 'a Pod runs' : 'is not ours'}`),
  );
};
