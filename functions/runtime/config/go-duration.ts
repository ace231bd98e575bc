const units: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const part = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;

/** Parses a Go duration (`5m`, `1h30m`, `300ms`, `0`), the format of kube-fledged's flags, to milliseconds; undefined if it is invalid or negative. */
export function goDuration(text: string): number | undefined {
  const digits = text.startsWith('+') ? text.slice(1) : text;
  if (digits === '0') return 0;
  let milliseconds = 0;
  let read = 0;
  while (read < digits.length) {
    part.lastIndex = read;
    const [whole, amount, unit] = part.exec(digits) ?? [];
    if (whole === undefined || unit === undefined) return undefined;
    milliseconds += Number(amount) * (units[unit] ?? Number.NaN);
    read = part.lastIndex;
  }
  return read === 0 ? undefined : milliseconds;
}
