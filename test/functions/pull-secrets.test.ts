import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { refusal } from '../support/api/in-memory-api.ts';
import { cachePath, scene, secretPath } from './scene.ts';
import { one, image, settled, due, told } from './moving-tag.ts';

describe('pull secrets', () => {
  const secret = (data: object): object => ({ metadata: { name: 'login', namespace: 'apps' }, data });
  const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64');
  const login = { 'registry.example': { username: 'robot', password: 'hunter2' } };

  function watched(readsPullSecrets: boolean) {
    const lines: string[] = [];
    const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
    return { on: scene({}, { readsPullSecrets, log }), lines };
  }

  it.each([
    ['in the current format', { '.dockerconfigjson': encoded({ auths: login }) }],
    ['in the legacy format', { '.dockercfg': encoded(login) }],
  ])('are sent to registries if the operator allows it, %s', async (_, data) => {
    const { on, lines } = watched(true);
    on.api.put(secretPath('login'), secret(data));
    await settled(one, on);
    on.registry.resolve(image, { type: 'unknown', reason: 'denied' });
    await due(on);
    expect(on.registry.newRequests()).toEqual([{ reference: image, usernames: ['robot'] }]);
    expect(lines.join('') + JSON.stringify(on.api.read(cachePath()))).not.toContain('hunter2');
  });

  it('are not read otherwise', async () => {
    const { on } = watched(false);
    on.api.put(secretPath('login'), secret({ '.dockerconfigjson': encoded({ auths: login }) }));
    await settled(one, on);
    await due(on);
    expect(on.registry.newRequests()).toEqual([{ reference: image, usernames: [] }]);
    expect(on.api.newCalls().filter((call) => call.includes('secrets'))).toEqual([]);
  });

  it.each([
    ['does not exist', undefined],
    ['holds no logins', secret({ password: encoded('hunter2') })],
    ['is not valid', secret({ '.dockerconfigjson': Buffer.from('{"auths": hunter2').toString('base64') })],
    ['is no Secret', { metadata: { name: 'login' }, data: 'hunter2' }],
  ])('give no login, and are not logged, if one %s', async (_, object) => {
    const { on, lines } = watched(true);
    if (object !== undefined) on.api.put(secretPath('login'), object);
    await settled(one, on);
    await due(on);
    expect(on.registry.newRequests()).toEqual([{ reference: image, usernames: [] }]);
    expect(on.live().status.status).toBe('Succeeded');
    expect(lines.join('') + JSON.stringify(on.api.read(cachePath()))).not.toContain('hunter2');
  });

  it('are logged by name if reading them is forbidden, and the registry is asked without', async () => {
    const { on, lines } = watched(true);
    on.api.refuse(/secrets/, refusal(403, 'Forbidden', 'secrets is forbidden'), 99);
    await settled(one, on);
    await due(on);
    expect(told(on)?.digest).toBe(one);
    expect(lines.join('')).toContain('"pullSecret":"apps/login","status":403,"msg":"pull secret could not be read"');
  });
});
