/**
 * What a record holds under a key of others' making. Images, nodes and hashes may be called `constructor`,
 * and what every object inherits under such a name is none of theirs.
 */
export const ownEntry = <T>(record: Readonly<Record<string, T>>, key: string): T | undefined =>
  Object.hasOwn(record, key) ? record[key] : undefined;
