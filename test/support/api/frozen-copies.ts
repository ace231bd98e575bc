/** Copies of plain values that nothing can change, neither in the copy nor in the original; what has been copied before is shared. */
export function frozenCopies(): <T>(value: T) => T {
  const known = new WeakSet();
  const copy = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null || known.has(value)) return value;
    const copied = Object.freeze(Array.isArray(value) ? value.map(copy) : copyOfObject(value));
    known.add(copied);
    return copied;
  };
  const copyOfObject = (value: object): object => {
    const copied: Record<string, unknown> = {};
    for (const [key, each] of Object.entries(value)) copied[key] = copy(each);
    return copied;
  };
  return <T>(value: T) => copy(value) as T;
}
