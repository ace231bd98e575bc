/** The time that calls for one image may take together; waiting in line is not counted, as it says nothing of the registry. */
export type Budget = {
  /** Milliseconds. */
  readonly left: () => number;
  readonly spend: (ms: number) => void;
};

export function timeBudget(ms: number): Budget {
  let left = ms;
  return {
    left: () => Math.ceil(left),
    spend: (used) => {
      left = Math.max(0, left - used);
    },
  };
}
