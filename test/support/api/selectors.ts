import * as z from 'zod/mini';
import type { StoredObject } from './stored-object.ts';

/** Whether an object matches the `labelSelector` and `fieldSelector` of a query: `a=b`, `a`, `!a`, `a in (b,c)` and `a notin (b,c)`; of fields, also `a!=b`. */
export function isSelected(object: StoredObject, query: URLSearchParams): boolean {
  const terms = (name: string): readonly string[] => {
    const selector = query.get(name) ?? '';
    return selector === '' ? [] : selector.split(/,(?![^(]*\))/);
  };
  return (
    terms('labelSelector').every((term) => hasLabel(object, term)) &&
    terms('fieldSelector').every((term) => hasField(object, term))
  );
}

function hasLabel({ metadata: { labels = {} } }: StoredObject, term: string): boolean {
  const [, name = '', operator = '', values = ''] = /^(\S+) (in|notin) \((.*)\)$/.exec(term) ?? [];
  if (name !== '') return values.split(',').includes(labels[name] ?? '') === (operator === 'in');
  if (term.startsWith('!')) return labels[term.slice(1)] === undefined;
  const [key = '', value] = term.split('=');
  return value === undefined ? labels[key] !== undefined : labels[key] === value;
}

function hasField(object: StoredObject, term: string): boolean {
  const [path = '', value] = term.split(/!?=/);
  let found: unknown = object;
  for (const key of path.split('.')) found = z.looseObject({}).parse(found ?? {})[key];
  return (found === value) !== term.includes('!=');
}
