import { describe, expect, it } from 'vitest';
import { ApiError } from '../../../../functions/runtime/errors.ts';
import { DeliveryFailed } from '../../../../sources/sink/sink.ts';
import { createLog } from '../../../../functions/runtime/process/log.ts';

const logged = (write: (log: ReturnType<typeof createLog>) => void): unknown[] => {
  const lines: unknown[] = [];
  write(createLog('info', { write: (line) => lines.push(JSON.parse(line)) }));
  return lines;
};

describe('createLog', () => {
  it('writes level by name, ISO time, data and message, and nothing of the process', () => {
    const [line] = logged((log) => log.info({ writes: 3 }, 'planned'));
    const iso = /^\{"level":"info","time":"\d{4}-\d\d-\d\dT[\d:.]+Z","writes":3,"msg":"planned"\}$/;
    expect(JSON.stringify(line)).toMatch(iso);
  });

  it('leaves out what is below its level', () => {
    expect(logged((log) => log.debug('seen'))).toEqual([]);
  });

  it('logs an error with its cause and kind', () => {
    const error = new ApiError('GET /x', { status: 409 }, { cause: new Error('why') });
    const [line] = logged((log) => log.warn({ err: error }, 'failed'));
    expect(line).toMatchObject({ err: { type: 'ApiError', status: 409 } });
    expect(JSON.stringify(line)).toContain('why');
  });

  it('logs a failure that is retried in one line, and the stack of an unexpected one', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const failed = new ApiError('GET /x: no answer', { status: 0 }, { cause: refused });
    const stacks = [failed, new ApiError('GET /x', { status: 0 }, { cause: new TypeError('bug') })].map((error) => {
      const [line] = logged((log) => log.warn({ err: error }, 'failed')) as {
        err: { stack?: string; message: string };
      }[];
      return [line?.err.message, line?.err.stack?.includes('at ')];
    });
    expect(stacks).toEqual([
      ['GET /x: no answer: connect ECONNREFUSED', undefined],
      ['GET /x: bug', true],
    ]);
  });

  it('logs a delivery that a gateway answers with 404 in one line', () => {
    const missing = new DeliveryFailed('POST http://gateway/function/imagecache-purge: 404');
    const [line] = logged((log) => log.warn({ err: missing, failures: 1 }, 'delivery failed, trying again'));
    expect(line).toMatchObject({ err: { type: 'DeliveryFailed', message: missing.message } });
    expect(JSON.stringify(line)).not.toContain('"stack"');
  });

  it('redacts secrets at any depth', () => {
    const headers = { authorization: 'Bearer abc', Authorization: 'Bearer abc' };
    const lines = logged((log) =>
      log.info({ token: 'abc', user: { password: 'abc' }, request: { of: { headers } } }, 'x'),
    );
    expect(JSON.stringify(lines)).not.toContain('abc');
    expect(JSON.stringify(lines)).toContain('[secret]');
  });
});
