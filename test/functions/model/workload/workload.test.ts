import { describe, expect, it } from 'vitest';
import { parseWorkload, workloadKind, workloadKinds } from '#model/workload/workload.ts';
import { digest } from '../builders.ts';
import { podOf } from '../../../deploy/plugin/check/situation.ts';

const spec = { containers: [{ name: 'app', image: 'app:1' }] };
const objectOf = (path: readonly string[]): object =>
  path.reduceRight<object>((inner, key) => ({ [key]: inner }), { spec });

describe('a workload', () => {
  it.each(workloadKinds)('of kind $kind has its Pods at $template', (kind) => {
    const object = { ...objectOf(kind.template), metadata: { name: 'web' } };
    expect(parseWorkload(object, kind, 'apps')).toMatchObject({
      kind: kind.kind,
      namespace: 'apps',
      name: 'web',
      serviceAccount: 'default',
      images: [{ name: 'app', type: 'container', image: 'app:1', pullPolicy: 'IfNotPresent' }],
    });
  });

  it.each(['deploy', 'deployment', 'Deployments', 'deployment.apps', 'deployments.v1.apps'])(
    'may be called %s',
    (name) => {
      expect(workloadKind(name)?.kind).toBe('Deployment');
    },
  );

  it('needs the images of its volumes, init containers, containers and ephemeral containers', () => {
    const { images } = podOf({
      containers: [{ name: 'app', image: 'app:1' }],
      initContainers: [{ name: 'sidecar', image: 'mesh:1', restartPolicy: 'Always' }],
      ephemeralContainers: [{ name: 'debug', image: 'busybox:1' }],
      volumes: [
        { name: 'tmp', emptyDir: {} },
        { name: 'filled-in-later', image: { pullPolicy: 'Never' } },
        { name: 'model', image: { reference: 'model:1', pullPolicy: 'Never' } },
      ],
    });
    expect(images.map(({ name, type, pullPolicy }) => [name, type, pullPolicy])).toEqual([
      ['model', 'volume', 'Never'],
      ['sidecar', 'init container', 'IfNotPresent'],
      ['app', 'container', 'IfNotPresent'],
      ['debug', 'ephemeral container', 'IfNotPresent'],
    ]);
  });

  it.each([
    ['app', 'Always'],
    ['app:latest', 'Always'],
    [`app:latest@${digest}`, 'Always'],
    [`app@${digest}`, 'IfNotPresent'],
    ['registry.example:5000/app', 'Always'],
    ['registry.example:5000/app:1', 'IfNotPresent'],
  ])('with the image %s and no policy has the policy %s', (image, policy) => {
    expect(podOf({ containers: [{ name: 'app', image }] }).images[0]?.pullPolicy).toBe(policy);
  });

  it('reads empty fields of a manifest as absent', () => {
    const fields = { imagePullSecrets: null, nodeSelector: null, tolerations: null, volumes: null, affinity: null };
    expect(podOf({ ...spec, ...fields, serviceAccountName: 'app' })).toMatchObject({
      serviceAccount: 'app',
      pullSecrets: [],
      placement: { nodeSelector: {}, affinity: undefined, tolerations: [] },
    });
  });
});
