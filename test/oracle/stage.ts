import type { Kube } from '../behaviour/kube.ts';
import type { Settings, Zone } from './history.ts';

/** What histories can do on a kind of cluster. */
export type Traits = {
  readonly nodes: number;
  /** The number of steps that follow the creation of the caches, at most. */
  readonly mostSteps: number;
  readonly hasSlowImages: boolean;
  /** Whether nodes can be added, deleted and report conditions. */
  readonly hasSimulatedNodes: boolean;
  /** Whether nodes have images that Pods of users can hold and that can be deleted. */
  readonly hasImageStores: boolean;
  /** Whether hours take no time, so that registries can have budgets and rest. */
  readonly hasVirtualTime: boolean;
};

/** Milliseconds of the cluster. */
export type Pace = {
  /** The factor of the pauses of a history. */
  readonly factor: number;
  readonly poll: number;
  /** Between two ticks that are sent; 0 if the product sends its own. */
  readonly tick: number;
  /** Without changes, after which the next step follows. */
  readonly calm: number;
  /** Without changes, after which the history has ended: two ticks at least. */
  readonly quiet: number;
  /** After which all counts as settled. */
  readonly longest: number;
};

/** A product that can be killed. */
export type Killable = {
  /** Kills all its processes; does nothing while it is stopped. */
  readonly kill: () => Promise<void>;
  /** Starts them again; does nothing while they run. */
  readonly start: () => Promise<void>;
  readonly isStopped: () => boolean;
};

/** A running product that is killed and started by these functions. */
export function killable({ kill, start }: Pick<Killable, 'kill' | 'start'>): Killable {
  let isStopped = false;
  const changeTo = async (next: boolean, act: () => Promise<void>): Promise<void> => {
    if (isStopped === next) return;
    isStopped = next;
    await act();
  };
  return { kill: () => changeTo(true, kill), start: () => changeTo(false, start), isStopped: () => isStopped };
}

/** A cluster with a running product, on which one history is played. Names are those of the history. */
export type Stage = Killable & {
  readonly pace: Pace;
  /** Those of the running product. */
  readonly settings: Settings;
  /** How many images nodes pull within an hour at most; undefined if nothing is promised. */
  readonly pullsPerHour?: number | undefined;
  /** The operations in the namespace of the caches. */
  readonly kube: Kube;
  /** The operations in the namespace of users' Pods. */
  readonly users: Kube;
  /** The reference of an image. */
  readonly image: (name: string) => string;
  /** The name of the Node object. */
  readonly node: (name: string) => string;
  /** The labels by which lists select the nodes of this history, all of them or those of a zone. */
  readonly selector: (zone?: Zone) => Readonly<Record<string, string>>;
  readonly join: (node: string, zone: Zone) => Promise<void>;
  readonly leave: (node: string) => Promise<void>;
  readonly report: (node: string, condition: 'Ready' | 'DiskPressure', status: 'True' | 'False') => Promise<void>;
  /** Deletes an image from a node, as its kubelet's garbage collection does. */
  readonly takeAway: (node: string, image: string) => Promise<void>;
  /** The references with a tag that the node really has. */
  readonly imagesOn: (node: string) => Promise<readonly string[]>;
  readonly tick: () => Promise<void>;
  /** The product's writes so far. */
  readonly writes: () => number;
  /** Errors that the product has logged. */
  readonly complaints: () => readonly string[];
};
