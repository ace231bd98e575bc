import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

const folder = join(import.meta.dirname, '../../../deploy/helm');
const read = (file: string): string => readFileSync(join(folder, file), 'utf8');

/** Values that templates pass on as they are, and that a user may have removed with null. */
const passedOn = [
  ...['imagePullSecrets', 'nameOverride', 'fullnameOverride', 'podAnnotations', 'podLabels'],
  ...['podSecurityContext', 'securityContext', 'resources', 'nodeSelector', 'tolerations', 'affinity'],
  ...['topologySpreadConstraints', 'commonLabels', 'serviceAnnotations', 'deploymentAnnotations', 'extraEnvFrom'],
  ...['extraVolumes', 'extraVolumeMounts', 'extraContainers', 'dnsConfig', 'hostAliases'],
];

it('the defaults for --reuse-values are those of values.yaml', () => {
  const [, body = ''] =
    /\{\{- define "icf\.defaults" -\}\}\n(.*?)\{\{- end \}\}/s.exec(read('templates/_values.tpl')) ?? [];
  const values = Object.entries(parse(read('values.yaml')) as object);
  expect(parse(body)).toEqual(Object.fromEntries(values.filter(([name]) => !passedOn.includes(name))));
});

it('every template uses them', () => {
  for (const file of readdirSync(join(folder, 'templates')).filter((name) => !name.endsWith('.tpl')))
    expect(read(`templates/${file}`), file).toMatch(/^\{\{- include "icf\.values" \. -\}\}\n/);
});
