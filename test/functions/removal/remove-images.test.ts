import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalisedReference } from '#model/text/image-reference.ts';
import { planRemoval } from '../../../functions/removal/remove-images.ts';
import type { RuntimeContainer, RuntimeImage } from '../../../functions/removal/cri.ts';
import { digest } from '../model/builders.ts';

const id = `sha256:${'a'.repeat(64)}`;

const image = (of: Partial<RuntimeImage> = {}): RuntimeImage => ({
  id,
  tags: ['docker.io/library/app:1'],
  digests: [`docker.io/library/app@${digest}`],
  bytes: 1000,
  isPinned: false,
  ...of,
});

const container = (of: Partial<RuntimeContainer> = {}): RuntimeContainer => ({
  pod: 'apps/web',
  podLabels: {},
  name: 'server',
  isRunning: true,
  images: [id],
  ...of,
});

const pullPod = { app: 'kubefledged', kubefledged: 'kubefledged-image-manager' };
const removalPod = { ...pullPod, 'kubefledged.io/removal': 'true' };

type Row = {
  readonly when: string;
  readonly remove?: readonly string[];
  readonly keep?: readonly string[];
  readonly images?: readonly RuntimeImage[];
  readonly containers?: readonly RuntimeContainer[];
  readonly plans: object;
};

const removes = () => ({ act: 'remove', image: { id } });
const nothing = { act: 'nothing' };
const spares = (reason: string, ...by: readonly string[]) => ({ act: 'spare', reason, by });

const twoTags = image({ tags: ['docker.io/library/app:1', 'ghcr.io/team/app:2'] });

const rows: readonly Row[] = [
  { when: 'no cache needs it', plans: removes() },
  { when: 'it is requested by another spelling', remove: ['docker.io/library/app:1'], plans: removes() },
  {
    when: 'it is requested by digest, and has a tag that is not',
    remove: [`app@${digest}`],
    plans: spares('SharedTag', 'docker.io/library/app:1'),
  },
  { when: 'it is asked for by tag and digest', remove: [`app:9@${digest}`, 'app:1'], plans: removes() },
  { when: 'it has no tag', remove: [`app@${digest}`], images: [image({ tags: [] })], plans: removes() },
  { when: 'it is not there', images: [], plans: nothing },
  { when: 'another tag of its repository is present', remove: ['app:2'], plans: nothing },
  { when: 'a longer name contains its name', remove: ['pp:1'], plans: nothing },
  { when: 'an invalid reference is requested', remove: ['BAD IMAGE'], plans: nothing },
  { when: 'it is to be kept, but absent', images: [], keep: ['app:1'], plans: nothing },

  ...['registry.k8s.io/pause:3.9', 'docker.io/rancher/mirrored-pause:3.6', 'k8s.gcr.io/pause-amd64:3.1'].map(
    (pause) => ({
      when: `it is the unpinned ${pause} of the Pod sandboxes of an old runtime`,
      remove: [pause],
      images: [image({ tags: [pause], digests: [] })],
      plans: spares('Pinned'),
    }),
  ),
  {
    when: 'only its tag is called pause',
    remove: ['app:pause'],
    images: [image({ tags: ['docker.io/library/app:pause'], digests: [] })],
    plans: removes(),
  },

  { when: 'another cache needs it', keep: ['docker.io/app:1'], plans: spares('Wanted', 'app:1') },
  { when: 'another cache needs other images', keep: ['app:2', 'app'], plans: removes() },
  {
    when: 'another cache wants another tag of it',
    images: [twoTags],
    keep: ['ghcr.io/team/app:2'],
    plans: spares('SharedTag', 'ghcr.io/team/app:2'),
  },
  {
    when: 'another cache wants it by digest',
    keep: [`app@${digest}`],
    plans: spares('SharedTag', `docker.io/library/app@${digest}`),
  },
  { when: 'both its tags are requested', remove: ['app:1', 'ghcr.io/team/app:2'], images: [twoTags], plans: removes() },
  {
    when: 'it has a tag that was not requested',
    images: [twoTags],
    plans: spares('SharedTag', 'ghcr.io/team/app:2'),
  },
  {
    when: 'somebody else pulled it by digest from elsewhere',
    images: [image({ digests: [`app@${digest}`, `ghcr.io/team/app@${digest}`] })],
    plans: spares('SharedTag', `ghcr.io/team/app@${digest}`),
  },

  { when: 'the runtime pins it', images: [image({ isPinned: true })], plans: spares('Pinned') },

  { when: 'a container runs it', containers: [container()], plans: spares('InUse', 'apps/web/server') },
  {
    when: 'a container that ended was made from it',
    containers: [container({ isRunning: false })],
    plans: spares('InUse', 'apps/web/server (ended)'),
  },
  ...[
    ['its id without the hash', 'a'.repeat(64)],
    ['its tag', 'app:1'],
    ['its digest', `docker.io/library/app@${digest}`],
    ['its digest in another repository', `mirror.example.com/app@${digest}`],
    ['its bare digest', digest],
  ].map(([name = '', word = '']) => ({
    when: `a container names it by ${name}`,
    containers: [container({ images: [word] })],
    plans: spares('InUse', 'apps/web/server'),
  })),
  {
    when: 'a container mounts it',
    containers: [container({ images: [`sha256:${'b'.repeat(64)}`, id] })],
    plans: spares('InUse', 'apps/web/server'),
  },
  {
    when: 'a container runs another',
    containers: [container({ images: ['app:2', digest.replace('0', 'f')] })],
    plans: removes(),
  },
  {
    when: 'several containers run it',
    containers: [container(), container({ pod: 'apps/api' })],
    plans: spares('InUse', 'apps/web/server', 'apps/api/server'),
  },
  { when: 'a pull Pod of ours holds it', containers: [container({ podLabels: pullPod })], plans: removes() },
  {
    when: 'a pull Pod of ours that ended holds it',
    containers: [container({ podLabels: pullPod, isRunning: false })],
    plans: removes(),
  },
  {
    when: 'a removal Pod runs it',
    containers: [container({ podLabels: removalPod })],
    plans: spares('InUse', 'apps/web/server'),
  },
  {
    when: "somebody else's Pod has but kube-fledged's app label",
    containers: [container({ podLabels: { app: 'kubefledged' } })],
    plans: spares('InUse', 'apps/web/server'),
  },
];

describe('a removal', () => {
  it.each(rows)('is planned when $when', ({ remove = ['app:1'], keep = [], images, containers, plans }) => {
    const state = { images: images ?? [image()], containers: containers ?? [] };
    expect(planRemoval(remove[0] ?? '', { remove, keep }, state)).toMatchObject(plans);
  });

  it('never removes an image that is pinned, used, or has a name to keep or of others', () => {
    const reference = fc.constantFrom('a', 'a:1', 'docker.io/library/a:1', 'b:1', 'r.example.com/b:1', `a@${digest}`);
    const ids = fc.constantFrom('sha256:1', 'sha256:2', 'sha256:3');
    const images = fc.uniqueArray(
      fc.record({
        id: ids,
        tags: fc.array(reference, { maxLength: 3 }),
        digests: fc.constantFrom<string[]>([], [`a@${digest}`]),
        bytes: fc.nat(),
        isPinned: fc.boolean(),
      }),
      { selector: (each) => each.id },
    );
    const containers = fc.array(
      fc.record({
        pod: fc.constant('apps/web'),
        podLabels: fc.constantFrom({}, pullPod, removalPod),
        name: fc.constant('c'),
        isRunning: fc.boolean(),
        images: fc.array(fc.oneof(reference, ids)),
      }),
      { maxLength: 2 },
    );
    const order = fc.record({
      remove: fc.array(reference, { minLength: 2, maxLength: 6 }),
      keep: fc.array(reference, { maxLength: 2 }),
    });
    let removed = 0;
    fc.assert(
      fc.property(reference, order, fc.record({ images, containers }), (asked, ordered, state) => {
        const plan = planRemoval(asked, ordered, state);
        if (plan.act !== 'remove') return;
        removed += 1;
        const names = [...plan.image.tags, ...plan.image.digests].map(normalisedReference);
        const others = state.containers.filter(({ podLabels }) => podLabels !== pullPod);
        expect(plan.image.isPinned).toBe(false);
        expect(names).toContain(normalisedReference(asked));
        const mayGo = ordered.remove.map(normalisedReference);
        for (const tag of plan.image.tags) expect(mayGo).toContain(normalisedReference(tag));
        for (const kept of ordered.keep) expect(names).not.toContain(normalisedReference(kept));
        for (const word of others.flatMap((each) => each.images)) {
          expect(word).not.toBe(plan.image.id);
          expect(names).not.toContain(normalisedReference(word));
        }
      }),
      { numRuns: 2000 },
    );
    expect(removed).toBeGreaterThan(50);
  });
});
