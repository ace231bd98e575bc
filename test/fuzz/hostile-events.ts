import type { SeededRandom } from '../chaos/seeded-random.ts';
import { hostileNames } from './hostile-names.ts';
import { batch, binary, headersOf, headerText, json, text, whole, type Hostile, type Make } from './request-bytes.ts';

/** The fields of an object, as JSON. */
const manyKeys = Array.from({ length: 20_000 }, (_, key) => `"k${key}":${key}`);

/** Events with hostile content. */
export const hostileEvents: Readonly<Record<string, Make>> = {
  'a hostile name': (chance) => event(chance, { name: chance.pick(hostileNames) }),
  'a hostile namespace': (chance) => event(chance, { namespace: chance.pick(hostileNames) }),
  'a hostile cache': (chance) =>
    event(chance, {
      kind: chance.pick(['Job', 'Pod', 'Node']),
      cache: chance.pick([`demo/${chance.pick(hostileNames)}`, `${chance.pick(hostileNames)}/cache`, 'a/b/c', '/', '']),
    }),
  'a hostile subject': (chance) => event(chance, { subject: chance.pick(hostileNames) }),
  'a hostile kind': (chance) => event(chance, { kind: chance.pick([...hostileNames, 'Secret', 'Namespace']) }),
  'hostile changes': (chance) =>
    event(chance, { kind: 'Job', cache: 'demo/cache', data: { changed: hostileChanges(chance) } }),
  'an attribute of a prototype': (chance) =>
    json(chance, `${text({}).slice(0, -1)},"${chance.pick(['__proto__', 'constructor'])}":{"isAdmin":true}}`),
  'data of a prototype': (chance) =>
    json(chance, `${text({}).slice(0, -1)},"data":{"__proto__":{"changed":[]},"constructor":{"prototype":{"x":1}}}}`),
  'deep data': (chance) => {
    const depth = chance.between(100, 60_000);
    return json(chance, `${text({}).slice(0, -1)},"data":${'[['.repeat(depth)}${']]'.repeat(depth)}}`);
  },
  'a huge number of keys': (chance) => json(chance, `{${manyKeys.slice(0, chance.between(100, 20_000)).join()}}`),
  'a batch of many': (chance) =>
    whole(
      chance,
      { 'content-type': batch },
      `[${Array.from({ length: chance.between(2, 40) }, () => text({ name: chance.pick(hostileNames) })).join()}]`,
    ),
  'a batch within a batch': (chance) => whole(chance, { 'content-type': batch }, `[[${text({})}],{},null,7,"x"]`),
};

function hostileChanges(chance: SeededRandom): unknown {
  const change = (): unknown =>
    chance.pick<unknown>([
      {
        apiVersion: 'v1',
        kind: chance.pick(['Pod', 'Node', 'Job', '__proto__']),
        namespace: 'demo',
        name: chance.pick(hostileNames),
      },
      { apiVersion: 'batch/v1', kind: 'Job', namespace: chance.pick(hostileNames), name: 'x' },
      null,
      7,
      [],
      { toString: 1 },
    ]);
  return chance.is(0.1)
    ? chance.pick<unknown>(['all', null, {}, 1e308])
    : Array.from({ length: chance.between(0, 300) }, change);
}

/** The event in a random content mode. */
function event(chance: SeededRandom, changes: Readonly<Record<string, unknown>>): Omit<Hostile, 'kind'> {
  if (chance.is(0.6)) return json(chance, text(changes));
  const { data, ...attributes } = changes;
  const encoded = Object.entries(attributes).map(([name, value]) => [name, headerText(String(value))] as const);
  return whole(
    chance,
    { ...binary(headersOf(encoded)), 'content-type': 'application/json' },
    data === undefined ? '' : JSON.stringify(data),
  );
}
