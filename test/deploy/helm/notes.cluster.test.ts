import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { established } from '../../behaviour/lab-under-test.ts';
import { sharedLab } from '../../cluster/shared-lab.ts';
import { notes } from './chart.ts';

const lab = await sharedLab();

/** Helm looks up the kinds of a platform at the API server even for a dry run. */
const kindOf = (group: string, version: string, kind: string) => {
  const plural = `${kind.toLowerCase()}s`;
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  const versions = [{ name: version, served: true, storage: true, schema }];
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}`, labels: { test: 'modes' } },
    spec: { group, scope: 'Namespaced', names: { kind, plural }, versions },
  };
};
const platforms = [
  kindOf('serving.knative.dev', 'v1', 'Service'),
  ...['Broker', 'Trigger'].map((kind) => kindOf('eventing.knative.dev', 'v1', kind)),
  ...['SinkBinding', 'ApiServerSource', 'PingSource'].map((kind) => kindOf('sources.knative.dev', 'v1', kind)),
  kindOf('openfaas.com', 'v1', 'Function'),
];

describe('NOTES', () => {
  beforeAll(async () => {
    await lab.apply({ apiVersion: 'v1', kind: 'List', items: platforms });
    await established(lab, '-l', 'test=modes');
  });
  afterAll(() => lab.ask('delete', 'crd', '-l', 'test=modes'));

  it('show on Knative what must become Ready', async () => {
    expect(await notes(lab, 'mode=knative')).toMatch(
      /rollout status deployment\/notes-imagecache-functions-source\n.*services\.serving\.knative\.dev,brokers,triggers --all/,
    );
    expect(await notes(lab, 'mode=knative', 'knative.source=knative')).not.toContain('rollout status');
  });

  it('show on OpenFaaS the command that deploys the functions with the settings of the chart', async () => {
    const text = await notes(lab, 'mode=openfaas', 'images.noop.tag=edge', 'args.controllerImagePullPolicy=Always');
    expect(text).toMatch(
      /NOOP_IMAGE=\S+imagecache-noop:edge \\\n +faas-cli deploy -f stack\.yml --namespace notes \\\n/,
    );
    expect(text).toContain('--env IMAGE_PULL_POLICY="Always"');
    expect(text).toContain('OpenFaaS CE runs all functions of a namespace as its default account');
    expect(await notes(lab, 'mode=openfaas', 'openfaas.edition=pro', 'openfaas.functions.create=true')).not.toContain(
      'faas-cli',
    );
  });

  it('list the namespaces of tenancy.namespaces and use one in the example', async () => {
    const text = await notes(lab, 'tenancy.namespaces={apps,team}', 'statusPage.enabled=true');
    expect(text).toContain('Only ImageCaches in these namespaces are served: apps, team.');
    expect(text).toContain('metadata: {name: first, namespace: apps}');
    expect(text).toContain('get lease imagecache-functions-source');
    expect(text).toContain('port-forward pod/$leader 8081');
  });
});
