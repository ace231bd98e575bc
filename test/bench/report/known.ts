/** kube-fledged itself (master, 2023-10) at 100 × 20 on simulated nodes of this lab, measured once with the same counters; what the baseline is held against. */
export const kubeFledged = {
  nodes: 100,
  images: 20,
  seconds: 798,
  writes: 28_112,
  jobs: 2_000,
  secondsToJobs: 400,
} as const;

/** What was aimed at. */
export const goals = {
  fewerWrites: 20,
  sooner: 80,
  largeJobs: 10_000,
  largeMegabytes: 256,
  newNodeMilliseconds: 1_000,
  refreshJobs: 0,
} as const;
