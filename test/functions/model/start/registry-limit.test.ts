import { describe, expect, it } from 'vitest';
import { imageState } from '#model/desired/image-state.ts';
import type { OtherRegistryUse } from '#model/cache/registry-use.ts';
import { throttledBy } from '#model/pull/image-outcome.ts';
import { list, node, noon } from '../builders.ts';
import type { Node } from '#model/node/node.ts';
import type { Spec } from '#model/cache/image-cache.ts';
import { type Fates, imagesOf } from '../simulated-pod.ts';
import { repetitions } from '../../../support/repetitions.ts';
import { type SimulatedWorld, endJobs, manyNodes, planAll, simulatedWorld } from '../simulated-world.ts';

const minute = 60_000;

/** Of a cluster and of what its registry serves in an hour. */
const size = repetitions(2, 5);
const budget = (pullsPerHour: number) => ({ 'docker.io': { pullsPerHour } });

type Of = {
  readonly count: number;
  readonly spec?: Partial<Spec>;
  readonly pullsPerHour?: number;
  readonly others?: () => ReadonlyMap<string, OtherRegistryUse>;
  readonly fates?: Fates['images'];
  /** How many pulls the registry takes within an hour. */
  readonly meter?: number;
  /** It says how many of these are left when it is asked. */
  readonly saysWhatIsLeft?: boolean;
};

/** A cluster whose registry serves so many pulls in an hour, and answers 429 to all others. */
function metered({ count, spec = {}, pullsPerHour, others, fates = {}, meter = Infinity, saysWhatIsLeft }: Of) {
  const throttledJobs = new Set<string>();
  const served: number[] = [];
  let elapsed = 0;
  const recent = (): readonly number[] => served.filter((time) => time > elapsed - 60 * minute);
  const limits = () => {
    const [oldest = elapsed] = recent();
    const limit = { left: meter - recent().length, ms: oldest + 60 * minute - elapsed, hasLogin: false };
    return new Map([['docker.io/library/app:1', { type: 'unknown', reason: 'it limits', limit } as const]]);
  };
  const on = simulatedWorld({
    spec: { lists: [list(['app:1'])], ...spec },
    nodes: manyNodes(count),
    fates: { images: fates, evictions: 0, refusesMounts: false, throttledJobs },
    settings: pullsPerHour === undefined ? {} : { registryBudgets: budget(pullsPerHour) },
    ...(others && { otherRegistryUse: others }),
    ...(saysWhatIsLeft === true && { limits }),
  });
  return {
    on,
    throttledJobs,
    served,
    wait: (ms: number): void => {
      elapsed += ms;
      on.wait(ms);
    },
    /** A pull of somebody else. */
    pull: (): boolean => {
      if (recent().length >= meter) return false;
      served.push(elapsed);
      return true;
    },
  };
}

type Metered = ReturnType<typeof metered>;

const plan = (on: SimulatedWorld): number => planAll(on).length;

/** All Jobs that exist now get their answer. */
function answer({ on, throttledJobs, pull }: Metered): void {
  for (const { name } of on.jobs()) {
    if (!pull()) throttledJobs.add(name);
    while (on.work(name));
  }
}

/** Until the round is over, minute by minute. Returns the minutes. */
function finish(world: Metered, each: (at: number) => void = () => undefined): number {
  for (let at = 0; at < 2000; at += 1) {
    if (plan(world.on) > 0) {
      answer(world);
      plan(world.on);
    }
    if (world.on.live().status.completionTime !== undefined) return at;
    each(at);
    world.wait(minute);
  }
  throw new Error('the round does not end');
}

const message = ({ on }: Metered): string => on.live().status.message;

describe('a registry with a budget', () => {
  it('is never asked for more within an hour, and the round ends Succeeded', { timeout: 60_000 }, () => {
    const world = metered({ count: 40 * size, pullsPerHour: 16 * size, meter: 20 * size });
    let consumers = 0;
    finish(world, (at) => {
      if (at % 60 === 30 && world.pull()) consumers += 1;
    });
    expect(world.throttledJobs.size).toBe(0);
    expect(consumers).toBeGreaterThan(0);
    expect(world.on.live().status).toMatchObject({ status: 'Succeeded' });
  });

  it('says which registry nodes wait for, and until when', () => {
    const world = metered({ count: 100, pullsPerHour: 50 });
    plan(world.on);
    expect(message(world)).toContain('60 nodes wait for docker.io until 13:00');
  });

  it('is shared with other namespaces', () => {
    const pullsUntil = Date.UTC(2026, 10, 24, 12, 30);
    const used: OtherRegistryUse = { pulls: new Map([['others', 30]]), pullsUntil, rest: undefined };
    expect(plan(metered({ count: 90, pullsPerHour: 80, others: () => new Map([['docker.io', used]]) }).on)).toBe(40);
  });
});

describe('a registry that says how much is left', () => {
  it('throttles no node, and the round ends Succeeded beside pulls of others', { timeout: 60_000 }, () => {
    const world = metered({ count: repetitions(80, 200), meter: repetitions(50, 100), saysWhatIsLeft: true });
    let [consumers, refused] = [0, 0];
    const hours = finish(world, (at) => {
      if (at % 20 !== 10) return;
      if (world.pull()) consumers += 1;
      else refused += 1;
    });
    expect(world.throttledJobs.size).toBe(0);
    expect([consumers > 0, refused]).toEqual([true, 0]);
    expect(hours).toBeLessThan(4 * 60);
    expect(world.on.live().status).toMatchObject({ status: 'Succeeded', registries: {} });
  });

  it('throttles at most the node that tries it if others have used all of it', () => {
    const world = metered({ count: 30, meter: 100, saysWhatIsLeft: true });
    while (world.pull());
    finish(world);
    expect(world.throttledJobs.size).toBeLessThanOrEqual(1);
    expect(world.on.live().status).toMatchObject({ status: 'Succeeded', failures: {} });
  });
});

describe('a registry that throttles', () => {
  it('rests without costing an attempt, then is tried by one node, then by all', () => {
    const world = metered({ count: 30, meter: 10 });
    plan(world.on);
    answer(world);
    plan(world.on);
    expect(world.throttledJobs.size).toBe(20);
    expect(world.on.jobs()).toEqual([]);
    expect(message(world)).toContain('20 nodes wait for docker.io until 12:05');
    expect(world.on.live().status.failures).toEqual({});
    world.wait(4 * minute);
    expect(plan(world.on)).toBe(0);
    world.wait(minute);
    expect(plan(world.on)).toBe(1);
    answer(world);
    plan(world.on);
    expect(message(world)).toContain('20 nodes wait for docker.io until 12:15');
    world.wait(60 * minute);
    expect(plan(world.on)).toBe(1);
    world.served.length = 0;
    answer(world);
    expect(plan(world.on)).toBe(19);
  });

  it('ends Succeeded in the end, however often it throttles', () => {
    const world = metered({ count: 30, meter: 10 });
    finish(world);
    expect(world.on.live().status).toMatchObject({ status: 'Succeeded', failures: {} });
    expect(world.on.live().status.registries).toEqual({});
  });

  it('rests for other caches too', () => {
    const none: OtherRegistryUse = { pulls: new Map(), pullsUntil: undefined, rest: undefined };
    const rest = { restsUntil: Infinity, restSeconds: 300, restsAlone: false };
    expect(plan(metered({ count: 3, others: () => new Map([['other.example', { ...none, rest }]]) }).on)).toBe(3);
    const until = Date.UTC(2026, 10, 24, 12, 30);
    const world = metered({
      count: 3,
      others: () => new Map([['docker.io', { ...none, rest: { ...rest, restsUntil: until } }]]),
    });
    expect(plan(world.on)).toBe(0);
    expect(message(world)).toContain('3 nodes wait for docker.io until 12:30');
  });
});

describe('a node that needs more images than the share of its namespace', () => {
  const names = Array.from({ length: 30 }, (_, index) => `docker.io/app-${String(index).padStart(2, '0')}:1`);
  const lists = [list([...names, 'other.example/tool:1'])];

  /** Until the round is over: the images of each hour's Jobs, by registry. */
  function pulledByHour(world: Metered): readonly Readonly<Record<string, number>>[] {
    const hours: Record<string, number>[] = [];
    const seen = new Set<string>();
    for (let at = 0; at < 20 * 60 && world.on.live().status.completionTime === undefined; at += 1) {
      for (let turn = 0; turn < 10; turn += 1) {
        plan(world.on);
        for (const { name, manifest } of world.on.jobs()) {
          if (seen.has(name)) continue;
          seen.add(name);
          const hour = (hours[Math.floor(at / 60)] ??= {});
          for (const { reference } of imagesOf(manifest)) {
            const host = reference.split('/', 1).join('');
            hour[host] = (hour[host] ?? 0) + 1;
          }
        }
        endJobs(world.on);
      }
      world.wait(minute);
    }
    return hours;
  }

  it('gets them part by part, and never more than the share within an hour', () => {
    const world = metered({ count: 1, pullsPerHour: 10, spec: { lists } });
    expect(pulledByHour(world)).toEqual([
      { 'docker.io': 8, 'other.example': 1 },
      { 'docker.io': 8 },
      { 'docker.io': 8 },
      { 'docker.io': 6 },
    ]);
    expect(world.on.live().status).toMatchObject({ status: 'Succeeded', failures: {} });
    expect(world.on.live().status.nodes['node-0000']).toMatchObject({ state: 'Ready', images: 'p' });
  });

  it('says meanwhile what it waits for, and claims no image that it does not have', () => {
    const world = metered({ count: 1, pullsPerHour: 10, spec: { lists } });
    plan(world.on);
    const during = () => {
      const entry = world.on.live().status.nodes['node-0000'];
      if (entry === undefined) throw new Error('the node is not in the status');
      return Object.entries(Object.groupBy([...names, ''], (_, index) => imageState(entry, index))).map(
        ([state, images]) => `${state} ${images.length}`,
      );
    };
    expect(during()).toEqual(['pulling 9', 'waiting 22']);
    endJobs(world.on);
    plan(world.on);
    expect(during()).toEqual(['present 9', 'waiting 22']);
    expect(message(world)).toContain('1 node waits for docker.io until 13:00');
    expect(world.on.live().status.nodes['node-0000']).toMatchObject({ state: 'Pending', reason: 'RegistryRests' });
  });

  it('tries images that fail twice, and no longer: all others get their turn', () => {
    const missing = names.slice(0, 12);
    const fates = Object.fromEntries(missing.map((image) => [image, 'missing'] as const));
    const world = metered({ count: 1, pullsPerHour: 10, spec: { lists }, fates });
    const hours = pulledByHour(world);
    for (const hour of hours) expect(hour['docker.io']).toBeLessThanOrEqual(8);
    expect(world.on.live().status.status).toBe('Failed');
    expect(Object.keys(world.on.live().status.failures).toSorted()).toEqual(missing);
    const entry = world.on.live().status.nodes['node-0000'];
    expect(entry).toMatchObject({ state: 'Failed', images: `${'f'.repeat(12)}p` });
  });

  it('leaves the budget of a neighbour that needs one image', () => {
    const world = metered({ count: 1, pullsPerHour: 50, spec: { lists: [list(thousandMissing)] }, fates: {} });
    plan(world.on);
    const { registries } = world.on.live().status;
    expect(registries['docker.io']?.pulls).toBe(40);
  });

  it('opens them part by part, too', () => {
    const world = metered({ count: 1, pullsPerHour: 10, spec: { lists, imagePullSecrets: ['login'] } });
    world.on.setNode('node-0000', node({ name: 'node-0000', id: 'id-0', kubeletVersion: 'v1.35.0' }));
    const hours = pulledByHour(world);
    for (const hour of hours) expect(hour['docker.io'] ?? 0).toBeLessThanOrEqual(8);
    expect(hours.reduce((sum, hour) => sum + (hour['docker.io'] ?? 0), 0)).toBe(60);
    expect(world.on.live().status.status).toBe('Succeeded');
    expect(world.on.live().status.nodes['node-0000']).toMatchObject({ state: 'Ready', images: 'p', noop: 'p' });
  });

  it('keeps what was put off when its Jobs are lost, and lists it as failed after the last attempt', () => {
    const world = metered({ count: 1, pullsPerHour: 10, spec: { lists } });
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      plan(world.on);
      expect(world.on.jobs().length, String(attempt)).toBeGreaterThan(0);
      for (const { name } of world.on.jobs()) world.on.takeAway(name);
      world.on.carryOut(world.on.look({ node: 'node-0000' }));
      world.wait(60 * minute);
    }
    const { status } = world.on.live();
    expect(status.nodes['node-0000']).toMatchObject({ state: 'Failed' });
    expect(Object.keys(status.failures)).toHaveLength(31);
  });
});

const thousandMissing = Array.from({ length: 1000 }, (_, index) => `docker.io/none-${index}:1`);

describe('no node holds up others forever', () => {
  const lists = [list(['app:1', 'base:2', 'tool:3', 'web:4', 'db:5'])];
  const pullsUntil = Date.UTC(2026, 10, 24, 12, 30);
  const users = (count: number, pulls: number): OtherRegistryUse => ({
    pulls: new Map(Array.from({ length: count }, (_, index) => [`team-${index}`, pulls])),
    pullsUntil,
    rest: undefined,
  });

  it('a node that needs more than the share of its namespace starts with its share while others go on', () => {
    const world = metered({
      count: 3,
      pullsPerHour: 20,
      spec: { lists },
      others: () => new Map([['docker.io', users(9, 1)]]),
    });
    expect(plan(world.on)).toBe(1);
    expect(world.on.jobs().map(({ manifest }) => imagesOf(manifest).length)).toEqual([2]);
  });

  it('a namespace whose nodes wait has its share kept', () => {
    const waits = users(3, 0);
    expect(plan(metered({ count: 90, pullsPerHour: 80, others: () => new Map([['docker.io', waits]]) }).on)).toBe(20);
  });

  it('the node that tries a registry after its rest keeps the budget, too', () => {
    let used = 0;
    const others = () => new Map([['docker.io', users(1, used)]]);
    const world = metered({ count: 2, pullsPerHour: 40, meter: 0, spec: { lists }, others });
    plan(world.on);
    answer(world);
    plan(world.on);
    world.wait(30 * minute);
    used = 27;
    expect(plan(world.on)).toBe(0);
  });

  it('what Jobs with credentials pulled beside one that was throttled is locked', () => {
    const images = ['docker.io/app:1', 'other.example/base:2'];
    const throttledJobs = new Set<string>();
    const on = simulatedWorld({
      spec: { lists: [list(images)], pullsPerNode: 2, imagePullSecrets: ['login'] },
      nodes: [node({ name: 'node-0000', id: 'id-0', kubeletVersion: 'v1.35.0' })],
      fates: { images: {}, evictions: 0, refusesMounts: false, throttledJobs },
    });
    plan(on);
    const [first, second] = on.jobs();
    throttledJobs.add(first?.name ?? '');
    endJobs(on);
    expect(second).toBeDefined();
    plan(on);
    expect(on.live().status.nodes['node-0000']).toMatchObject({ rests: 1, images: 'wP', noop: 'P' });
  });

  it('a wait costs no second attempt', () => {
    const world = metered({ count: 1, pullsPerHour: 1, fates: { 'app:1': 'missing' } });
    plan(world.on);
    answer(world);
    plan(world.on);
    expect(message(world)).toContain('1 node waits for docker.io until 13:00');
    for (let at = 0; at < 60; at += 1) {
      world.wait(minute);
      plan(world.on);
    }
    expect(world.on.live().status.nodes['node-0000']).toMatchObject({ state: 'Pulling', attempt: 2 });
  });

  it('the node that tries a registry ends its rest by any answer but another 429', () => {
    const world = metered({ count: 3, meter: 0, fates: { 'app:1': 'denied' } });
    plan(world.on);
    answer(world);
    plan(world.on);
    world.wait(5 * minute);
    expect(plan(world.on)).toBe(1);
    endJobs(world.on);
    expect(plan(world.on)).toBe(3);
  });

  it('why another image fails is said meanwhile', () => {
    const images = ['docker.io/app:1', 'other.example/base:2'];
    const throttledJobs = new Set<string>();
    const on = simulatedWorld({
      spec: { lists: [list(images)], pullsPerNode: 2 },
      nodes: manyNodes(1),
      fates: { images: { 'other.example/base:2': 'missing' }, evictions: 0, refusesMounts: false, throttledJobs },
    });
    plan(on);
    throttledJobs.add(on.jobs()[0]?.name ?? '');
    endJobs(on);
    plan(on);
    expect(on.live().status.message).toContain('1 node waits for docker.io');
    expect(Object.keys(on.live().status.failures)).toEqual(['other.example/base:2']);
  });

  it('a rest is forgotten once no node needs the registry', () => {
    const world = metered({ count: 3, meter: 0 });
    plan(world.on);
    answer(world);
    plan(world.on);
    world.on.edit({ lists: [list(['registry.example.com/app:1'])] });
    world.wait(6 * minute);
    plan(world.on);
    expect(world.on.live().status.registries).toEqual({});
  });
});

describe('a registry that has delivered nothing yet', () => {
  const host = 'new.example.com';
  const image = `${host}/app:1`;

  /** Nodes that report an image of another registry, and not all that they have. */
  const listed = { images: new Set(['docker.io/library/other:1']), isImageListComplete: false };
  const listingNodes = () => manyNodes(30).map((each) => ({ ...each, ...listed }));

  type Trial = { readonly nodes?: readonly Node[]; readonly fate?: Fates['images'][string]; readonly others?: number };
  const trial = ({ nodes = listingNodes(), fate = 'comes', others }: Trial) => {
    const fates = { [image]: fate };
    const on = simulatedWorld({
      spec: { lists: [list([image])] },
      nodes,
      fates: { images: fates, evictions: 0, refusesMounts: false },
      otherRegistryUse: () =>
        new Map([[host, { pulls: new Map(), pullsUntil: undefined, rest: undefined, triedUntil: others }]]),
    });
    return { ...on, fates };
  };

  /** Until the round is over; returns how many nodes had a Job in each minute with a Job. */
  const play = (on: SimulatedWorld): readonly number[] => {
    const counts: number[] = [];
    for (let at = 0; at < 100; at += 1) {
      const busy = planAll(on);
      if (busy.length > 0) counts.push(new Set(busy).size);
      endJobs(on);
      on.wait(minute);
    }
    return counts;
  };

  const states = (on: SimulatedWorld) => new Set(Object.values(on.live().status.nodes).map(({ state }) => state));

  it('delivers to one node before the others, which all start then', () => {
    const on = trial({});
    expect(planAll(on)).toEqual(['node-0000']);
    expect(on.live().status.message).toContain(`29 nodes wait for ${host}, from which one node pulls first`);
    endJobs(on);
    expect(planAll(on)).toHaveLength(29);
    expect(on.live().status.registries).toEqual({});
  });

  it('gets no second node if the first is given up while its kubelet pulls, and the round ends', () => {
    const on = trial({ fate: 'hangs' });
    const tried = new Set<string>();
    for (let at = 0; at < 100; at += 1) {
      for (const name of planAll(on)) tried.add(name);
      endJobs(on);
      on.wait(minute);
    }
    expect([...tried]).toHaveLength(1);
    expect(states(on)).toEqual(new Set(['Failed']));
    const reasons = on.live().status.failures[image]?.map(({ node: name, reason }) => `${name} ${reason}`);
    expect(reasons?.slice(0, 2)).toEqual(['node-0000 ImagePullStatusUnknown', 'node-0001 ImagePullNotTried']);
  });

  it('rests for the namespace after that, so that another round does not begin at once', () => {
    const on = trial({ fate: 'hangs' });
    while (on.live().status.registries[host]?.restsUntil === undefined) {
      planAll(on);
      endJobs(on);
      on.wait(minute);
    }
    on.edit({ lists: [list([image])], pullDeadlineSeconds: 60 });
    expect(planAll(on)).toEqual([]);
    expect(on.live().status.registries[host]).toMatchObject({ restsAlone: true, restSeconds: 300 });
    on.wait(5 * minute);
    expect(planAll(on)).toEqual(['node-0000']);
  });

  it.each(['missing', 'denied'] as const)(
    'gets more and more nodes if kubelets report that the image is %s',
    (fate) => {
      const on = trial({ fate });
      const counts = play(on);
      expect(counts[0]).toBe(1);
      expect(counts.length).toBeLessThan(12);
      expect(states(on)).toEqual(new Set(['Failed']));
    },
  );

  it('is known to deliver if a node reports one of its images', () => {
    const [first = node(), ...others] = listingNodes();
    const on = trial({ nodes: [{ ...first, images: new Set([`${host}/other:1`]) }, ...others] });
    expect(planAll(on)).toHaveLength(30);
  });

  it('delivers to the other nodes once the kubelet that was given up has the image', () => {
    const nodes = listingNodes();
    const on = trial({ nodes, fate: 'hangs' });
    play(on);
    on.fates[image] = 'comes';
    on.setNode('node-0000', { ...(nodes[0] ?? node()), images: new Set([image]) });
    play(on);
    expect(on.live().status.registries).toEqual({});
    expect(Object.values(on.live().status.nodes).filter(({ state }) => state === 'Ready')).toHaveLength(29);
  });

  it('waits while another cache of the namespace tries it', () => {
    const on = trial({ others: noon + 5 * minute });
    expect(planAll(on)).toEqual([]);
    on.wait(5 * minute);
    expect(planAll(on)).toEqual(['node-0000']);
  });

  it('is forgotten once no node must have an image of it', () => {
    const on = trial({ fate: 'missing' });
    play(on);
    expect(Object.keys(on.live().status.registries)).toEqual([host]);
    on.edit({ lists: [list(['app:1'])] });
    planAll(on);
    expect(on.live().status.registries).toEqual({});
  });
});

describe('a registry that has delivered other images', () => {
  const hung = (): SimulatedWorld =>
    simulatedWorld({
      spec: { lists: [list(['app:1'])], maxConcurrentNodes: 1 },
      nodes: manyNodes(30),
      fates: { images: { 'app:1': 'hangs', 'app:2': 'hangs', 'app:3': 'comes' }, evictions: 0, refusesMounts: false },
    });
  const triedNodes = (on: SimulatedWorld, minutes: number): readonly string[] => {
    const tried = new Set<string>();
    for (let at = 0; at < minutes; at += 1) {
      for (const name of planAll(on)) tried.add(name);
      endJobs(on);
      on.wait(minute);
    }
    return [...tried];
  };

  it('loses an image that kept one node waiting until the deadline', () => {
    const on = hung();
    expect(triedNodes(on, 60)).toHaveLength(1);
    expect(Object.values(on.live().status.nodes).every(({ state }) => state === 'Failed')).toBe(true);
  });

  it('is on trial again after that: another image of it gets no other node, whatever it delivered before', () => {
    const on = hung();
    const [first] = triedNodes(on, 20);
    for (const round of [1, 2, 3]) {
      on.edit({ lists: [list([round % 2 === 0 ? 'app:1' : 'app:2'])] });
      expect(new Set([first, ...triedNodes(on, 60)])).toEqual(new Set([first]));
    }
  });

  it('serves all nodes again once it has delivered to one', () => {
    const on = hung();
    triedNodes(on, 20);
    on.edit({ lists: [list(['app:3'])] });
    expect(triedNodes(on, 200)).toHaveLength(30);
    expect(on.live().status.registries).toEqual({});
  });
});

describe('a kubelet reports that a registry throttles', () => {
  const ms = (message: string, image = 'app:1') => throttledBy({ reason: 'ErrImagePull', message }, image);

  it.each([
    ['429 Too Many Requests', undefined],
    ['429 Too Many Requests - Server message: toomanyrequests: retry-after: 90s, allowed: 1/minute', 90_000],
    ['toomanyrequests: You have reached your pull rate limit', undefined],
  ])('%s', (message, expected) => {
    expect(ms(message)).toEqual({ ms: expected });
  });

  it.each([
    'reading manifest 1 in docker.io/library/toomanyrequests: manifest unknown',
    'docker.io/library/toomanyrequests:429: not found',
    'docker.io/library/app:toomanyrequests: not found',
    'failed to extract layer sha256:1: open /429 Too Many Requests: file exists',
    'writing blob: adding layer with blob "sha256:1": processing tar file(open /x toomanyrequests: y: file exists)',
    'pull QPS exceeded',
  ])('but not by %s, which a user can bring about', (message) => expect(ms(message)).toBeUndefined());
});
