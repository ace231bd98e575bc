import { integer, oneOfOrNone, text, yesOrNo } from '#runtime/config/setting.ts';
import { both, flagOnly } from './row.ts';

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof logLevels)[number];

/** Levels of glog's --stderrthreshold, by name or number. */
const glogLevels = ['INFO', 'WARNING', 'ERROR', 'FATAL', '0', '1', '2', '3'] as const;

/** Settings of the log, and glog's flags that kube-fledged's manifests pass. */
export const logRows = {
  logLevel: both('log-level', oneOfOrNone(logLevels), {
    fallback: '',
    doc: 'Lowest level that is logged; empty: info, or what the flags of glog below say',
  }),
  stderrThreshold: flagOnly('stderrthreshold', oneOfOrNone(glogLevels), {
    fallback: '',
    doc: 'Lowest level that is logged, as kube-fledged and glog name it',
  }),
  verbosity: flagOnly('v', integer, {
    fallback: '0',
    doc: 'Verbosity, as in glog: from 4 on debug is logged, from 8 on trace',
  }),
  toStderr: flagOnly('logtostderr', yesOrNo, { fallback: 'false', doc: 'Accepted and ignored' }),
  alsoToStderr: flagOnly('alsologtostderr', yesOrNo, { fallback: 'false', doc: 'Accepted and ignored' }),
  verbosityByModule: flagOnly('vmodule', text, { fallback: '', doc: 'Accepted and ignored' }),
  logFolder: flagOnly('log_dir', text, { fallback: '', doc: 'Accepted and ignored' }),
  backtraceAt: flagOnly('log_backtrace_at', text, { fallback: '', doc: 'Accepted and ignored' }),
} as const;
