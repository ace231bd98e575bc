import type { Handler } from '#runtime/handler.ts';

/** Removes images from nodes. Nothing is removed yet: every event is taken and answered as done, and annotations stay as they are. */
export const purge: Handler = async () => Promise.resolve();
