/** The own property of a record; undefined for inherited ones. Images, nodes and hashes may be named `constructor`. */
export const ownEntry = <T>(record: Readonly<Record<string, T>>, key: string): T | undefined =>
  Object.hasOwn(record, key) ? record[key] : undefined;
