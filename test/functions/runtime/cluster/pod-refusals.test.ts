import { expect, it } from 'vitest';
import { podRefusals } from '#runtime/cluster/pod-refusals.ts';
import { inMemoryApi } from '../../../support/api/in-memory-api.ts';
import { job } from '../../model/builders.ts';
import { eventsPath } from '../../scene.ts';

it('equal refusals of the Pods of several Jobs are equal', async () => {
  const api = inMemoryApi();
  const jobs = ['a', 'b'].map((uid) => job({ uid, name: `web-${uid}` }));
  for (const { uid, name } of jobs)
    api.put(`${eventsPath}/${name}`, {
      metadata: { name, namespace: 'apps' },
      involvedObject: { kind: 'Job', uid },
      reason: 'FailedCreate',
      message: `Error creating: pods "${name}-x2x9k" is forbidden: exceeded quota: none, requested: pods=1`,
    });
  const told = 'Error creating: pods is forbidden: exceeded quota: none, requested: pods=1';
  expect([...(await podRefusals(api, 'apps', jobs))]).toEqual([
    ['a', told],
    ['b', told],
  ]);
});
