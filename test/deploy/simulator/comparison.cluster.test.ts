import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type ApiClient,
  apiClient,
  crdFile,
  eventually,
  type TestSimulator,
  testSimulator,
  textAt,
} from '@imagecache-functions/simulator/testing';
import { established } from '../../behaviour/lab-under-test.ts';
import { sharedLab } from '../../cluster/shared-lab.ts';
import { comparable } from './comparison.ts';
import { rows } from './requests.ts';

const answersOf = async (ask: ApiClient): Promise<ReadonlyMap<string, unknown>> => {
  const answers = new Map<string, unknown>();
  for (const row of rows) answers.set(row.when, comparable(row, await ask(row)));
  return answers;
};

/** A namespace has its service account only a moment after it is made, on either cluster. */
const prepared = async (ask: ApiClient): Promise<ApiClient> => {
  const [first] = rows;
  if (first !== undefined) await ask(first);
  await eventually(
    () => ask({ method: 'GET', path: '/api/v1/namespaces/compare/serviceaccounts/default' }),
    ({ status }) => status === 200,
  );
  return ask;
};

describe('the simulator and a real API server answer alike to', () => {
  let cluster: TestSimulator;
  let real: ReadonlyMap<string, unknown>;
  let simulated: ReadonlyMap<string, unknown>;

  beforeAll(async () => {
    cluster = await testSimulator();
    const lab = await sharedLab();
    await lab.renew();
    await lab.ask('create', '-f', crdFile);
    await established(lab);
    const ask = await apiClient(lab.kubeconfig);
    await eventually(
      () => ask({ method: 'GET', path: '/apis/kubefledged.io/v1alpha2/imagecaches' }),
      ({ body }) => textAt(body, 'kind') === 'ImageCacheList',
    );
    real = await answersOf(await prepared(ask));
    simulated = await answersOf(await prepared(cluster.ask));
  });
  afterAll(() => cluster.stop());

  test.each(rows.map(({ when }) => when))('%s', (when) => {
    expect(simulated.get(when)).toEqual(real.get(when));
  });
});
