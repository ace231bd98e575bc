import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Environment } from '@marcbachmann/cel-js';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { allowedInTeamA, outsideOfTeamA, tenantImages } from '../../security/image-cases.ts';
import { chart } from './chart.ts';

type Policy = {
  readonly variables: readonly { readonly name: string; readonly expression: string }[];
  readonly validations: readonly { readonly expression: string; readonly messageExpression?: string }[];
};

/** The policy of the chart for these images, which are the only thing in these parts that Helm fills in. */
function policy(images: object): Policy {
  const text = readFileSync(join(chart, 'templates/tenancy.yaml'), 'utf8');
  const [, variables = ''] = /\n {2}variables:\n(.*?)\n {2}validations:\n/s.exec(text) ?? [];
  const [, validations = ''] = /\n {2}validations:\n(.*?)\n {2}# Each check/s.exec(text) ?? [];
  const filled = variables.replace('{{ toJson .Values.tenancy.images | squote }}', `'${JSON.stringify(images)}'`);
  return parse(`variables:\n${filled}\nvalidations:\n${validations}`) as Policy;
}

const environment = new Environment({ homogeneousAggregateLiterals: false })
  .registerVariable('variables', 'dyn')
  .registerVariable('object', 'dyn')
  .registerVariable('request', 'dyn');

/** The message of the refusal; undefined if the policy admits the images. */
function refusal(images: readonly string[], namespace = 'team-a', allowed: object = tenantImages): string | undefined {
  const { variables, validations } = policy(allowed);
  const object = { spec: { cacheSpec: [{ imagesFrom: { kinds: [] } }, { images }] } };
  const values: Record<string, unknown> = {};
  const evaluate = (expression: string): unknown =>
    environment.parse(expression)({ object, request: { namespace }, variables: values });
  for (const { name, expression } of variables) values[name] = evaluate(expression);
  const broken = validations.find(({ expression }) => evaluate(expression) !== true);
  return broken && String(evaluate(broken.messageExpression ?? "''"));
}

describe('the admission policy for isolated tenants', () => {
  it.each(allowedInTeamA)('admits %s', (image) => {
    expect(refusal(['nginx', image])).toBeUndefined();
  });

  it.each(outsideOfTeamA)('refuses %s', (image) => {
    expect(refusal(['nginx', image, 'nginx:2'])).toContain(`images: ${image} is not allowed in namespace team-a`);
    expect(refusal([image], 'team-c')).toBeUndefined();
  });

  it('says which images are allowed', () => {
    const allowed = { 'team-a': ['docker.io/library/nginx', 'a.b/*'], '*': ['c.d/e'] };
    expect(refusal(['f.g/h'], 'team-a', allowed)).toBe(
      'images: f.g/h is not allowed in namespace team-a, which may have docker.io/library/nginx, a.b/*, c.d/e',
    );
    expect(refusal(['f.g/h'], 'team-b', allowed)).toMatch(/which may have c\.d\/e$/);
    expect(refusal(['f.g/h'], 'team-b', { 'team-b': [], 'team-c': ['*'] })).toMatch(/which may have no image$/);
  });
});
