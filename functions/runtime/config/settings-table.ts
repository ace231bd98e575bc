import { eventRows } from '#runtime/config/rows/event-rows.ts';
import { limitRows } from '#runtime/config/rows/limit-rows.ts';
import { jobRows } from '#runtime/config/rows/job-rows.ts';
import { logRows } from '#runtime/config/rows/log-rows.ts';
import { processRows } from '#runtime/config/rows/process-rows.ts';
import { registryRows } from '#runtime/config/rows/registry-rows.ts';
import { workloadRows } from '#runtime/config/rows/workload-rows.ts';

/** All settings, in the order of --help. */
export const settingsTable = {
  ...jobRows,
  ...limitRows,
  ...workloadRows,
  ...registryRows,
  ...processRows,
  ...eventRows,
  ...logRows,
} as const;

/** Variables of kube-fledged that are ignored, and their replacements. */
export const replacedVariables = {
  BUSYBOX_IMAGE: 'NOOP_IMAGE',
  KUBEFLEDGED_CRI_CLIENT_IMAGE: 'REMOVAL_IMAGE',
} as const;
