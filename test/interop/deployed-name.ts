import type { FunctionName } from '#model/cache/cloud-event.ts';

/** The name of a function on a platform, where it has the namespace in common with functions of others. */
export const deployedName = (name: FunctionName): string => `imagecache-${name}`;
