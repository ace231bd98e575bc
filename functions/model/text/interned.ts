/** Answers with the value that was made first under a key. */
export type Interner<Value> = (key: string, make: () => Value) => Value;

/** Keeps one of each: what thousands of nodes tell of the same images differs little, and would fill the memory if each kept its own. */
export function interned<Value>(): Interner<Value> {
  const known = new Map<string, { readonly value: Value }>();
  return (key, make) => {
    const found = known.get(key);
    if (found !== undefined) return found.value;
    const made = { value: make() };
    known.set(key, made);
    return made.value;
  };
}
