import { describe, expect, it } from 'vitest';
import { challengeIn } from '../../../../functions/runtime/registry/challenge.ts';

const bearer = (realm: string, service: string, scope: string) => ({
  scheme: 'bearer',
  realm: new URL(realm),
  service,
  scope,
});

describe('challengeIn', () => {
  it.each([
    [
      ['Bearer realm="https://auth.example.com/token?a=b",service="r.io",scope="repository:me/x:pull,push"'],
      bearer('https://auth.example.com/token?a=b', 'r.io', 'repository:me/x:pull,push'),
    ],
    [['bearer realm="https://a/t"'], bearer('https://a/t', '', 'repository:me/x:pull')],
    [['Bearer realm="https://a/t",scope=""'], bearer('https://a/t', '', 'repository:me/x:pull')],
    [['Basic realm="lab"'], { scheme: 'basic' }],
    [['Basic realm="lab"', 'Bearer realm="https://a/t",scope="aws"'], bearer('https://a/t', '', 'aws')],
    [['Basic realm="lab", Bearer realm="https://a/t",service="s"'], bearer('https://a/t', 's', 'repository:me/x:pull')],
    [['Negotiate', 'Basic realm="lab"'], { scheme: 'basic' }],
    [['Bearer realm="/token"'], undefined],
    [['Bearer error="invalid_token"'], undefined],
    [['Negotiate'], undefined],
    [[''], undefined],
    [[], undefined],
  ])('of %j is %j', (headers, expected) => {
    expect(challengeIn(headers, 'me/x')).toEqual(expected);
  });
});
