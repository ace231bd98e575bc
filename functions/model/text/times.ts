/** The status stores whole seconds: a time that is compared with a stored one must be rounded as well. Rounded up, nothing ends too early. */
export const roundUpToSecond = (time: number): number => Math.ceil(time / 1000) * 1000;

/** Rounded down, a time is not in the future. */
export const roundDownToSecond = (time: number): number => Math.floor(time / 1000) * 1000;

/** `2026-11-24T12:05:00Z`, as the API server stores times. */
export const timeText = (time: number): string => `${new Date(time).toISOString().slice(0, 19)}Z`;

/** `12:05`, in UTC. */
export const clockTime = (time: number): string => new Date(time).toISOString().slice(11, 16);
