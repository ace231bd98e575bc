import { known, ourImages } from './draw-steps.ts';

/** What was seen while a history was played. */
export type Observed = {
  /** A text that is part of every name of the neighbour which the tenant cannot know. */
  readonly secret: string;
  /** References that registries were asked for, on behalf of caches of the tenant. */
  readonly asked: readonly string[];
  /** Images that Pods of the tenant's caches named, but for our own. */
  readonly named: readonly string[];
  /** Images that removals named. */
  readonly removed: readonly string[];
  /** Images of nodes in the end. */
  readonly onNodes: ReadonlyMap<string, ReadonlySet<string>>;
  /** Images that others had on a node and that were missing there at some time. */
  readonly lost: readonly string[];
  /** What the tenant may read, as JSON. */
  readonly readable: ReadonlySet<string>;
  /** Milliseconds until the neighbour's edit was carried out; undefined if it never was. */
  readonly neighbour: number | undefined;
};

/** Written by hand, and not by the code that is tried. */
const mayHave = /^registry\.example\/(tenant|shared)\/[a-z0-9-]+(:[a-z0-9.-]+)?(@sha256:[0-9a-f]{64})?$/;

const foreign = (images: readonly string[]): readonly string[] => [
  ...new Set(images.filter((image) => !mayHave.test(image))),
];

/** What must hold whatever a tenant writes. A line for each violation. */
export function violations(observed: Observed): readonly string[] {
  const { secret, asked, named, removed, onNodes, lost, readable, neighbour } = observed;
  const fromElsewhere = [...onNodes].flatMap(([node, images]) =>
    foreign([...images].filter((image) => !isOfOthers(image, secret))).map((image) => `${image} on ${node}`),
  );
  const told = [...readable].filter((text) => text.includes(secret));
  return [
    ...foreign(asked).map((image) => `asked: a registry was asked for ${image}`),
    ...foreign(named).map((image) => `named: a Pod names ${image}`),
    ...fromElsewhere.map((where) => `pulled: ${where}`),
    ...foreign(removed).map((image) => `removed: a removal names ${image}`),
    ...[...new Set(lost)].map((image) => `lost: ${image} is missing`),
    ...told.map((text) => `told: ${around(text, secret)}`),
    ...(neighbour === undefined ? ['neighbour: its cache is not served'] : []),
  ];
}

const isOfOthers = (image: string, secret: string): boolean =>
  [...known.neighbour, ...known.platform, ...Object.values(ourImages)].some((each) => each === image) ||
  image.includes(secret);

const around = (text: string, secret: string): string => {
  const at = text.indexOf(secret);
  return text.slice(Math.max(0, at - 120), at + 60);
};
