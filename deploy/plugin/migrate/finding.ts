import { ApiError, isNotFound } from '#runtime/errors.ts';

/** The result of one check. `blocks`: imagecache-functions cannot run beside it. `differs`: it will not behave the same. */
export type Finding = {
  readonly what: string;
  readonly verdict: 'good' | 'blocks' | 'differs' | 'note' | 'unknown';
  readonly message: string;
  /** Commands that fix it. */
  readonly commands: readonly string[];
};

/** Runs a check. Missing rights are a finding, not an error. */
export async function finding(what: string, check: () => Promise<Omit<Finding, 'what'>>): Promise<Finding> {
  const [only] = await findings(what, async () => [await check()]);
  return only ?? { what, verdict: 'good', message: '', commands: [] };
}

/** Runs a check with any number of findings. */
export async function findings(
  what: string,
  check: () => Promise<readonly Omit<Finding, 'what'>[]>,
): Promise<readonly Finding[]> {
  try {
    return (await check()).map((each) => ({ what, ...each }));
  } catch (error) {
    if (isNotFound(error))
      return [{ what, verdict: 'good', message: 'the cluster does not serve this kind', commands: [] }];
    if (!(error instanceof ApiError) || error.status !== 403) throw error;
    const message = `forbidden: ${error.message.replace(/^.*?: 403 [^:]*: /, '')}`;
    return [{ what, verdict: 'unknown', message, commands: [] }];
  }
}

/** A difference, with what to do about it. */
export const differs = (message: string, ...commands: readonly string[]): Omit<Finding, 'what'> => ({
  verdict: 'differs',
  message,
  commands,
});
