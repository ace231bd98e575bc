import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { takeLabLock } from './lab-lock.ts';

let folder = '';
const path = () => join(folder, 'lock');
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'lab-lock-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const isFree = () => spawnSync('flock', ['-n', path(), 'true']).status === 0;

/** Another process that holds the lock until it is killed. */
const anotherHolder = async () => {
  const child = spawn('flock', [path(), 'sh', '-c', 'echo held; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  await once(child.stdout, 'data');
  const kill = () => {
    if (child.pid !== undefined) process.kill(-child.pid); // the whole group: flock and its command
  };
  return { kill };
};

describe('takeLabLock', () => {
  it('holds the lock until it is released, and records the holder', async () => {
    const lock = await takeLabLock(path(), '/lab', 5_000);
    expect(isFree()).toBe(false);
    expect(JSON.parse(readFileSync(path(), 'utf8'))).toMatchObject({ pid: process.pid, folder: '/lab' });
    await lock.release();
    await lock.release();
    expect(isFree()).toBe(true);
    expect(lock.previous).toBeUndefined();
  });

  it('waits while another process holds the lock', async () => {
    const other = await anotherHolder();
    let hasIt = false;
    const taken = takeLabLock(path(), '/lab', 10_000).finally(() => (hasIt = true));
    await sleep(300);
    expect(hasIt).toBe(false);
    other.kill();
    await (await taken).release();
  });

  it('fails at the timeout', async () => {
    const other = await anotherHolder();
    await expect(takeLabLock(path(), '/lab', 300)).rejects.toThrow('not to be had within 0.3 s');
    other.kill();
  });

  it('returns a holder that was killed, so that its lab can be cleaned up', async () => {
    const killed = { pid: 1, folder: '/old', since: '2026-01-01T00:00:00Z' };
    writeFileSync(path(), JSON.stringify(killed));
    const lock = await takeLabLock(path(), '/lab', 5_000);
    expect(lock.previous).toEqual(killed);
    await lock.release();
  });

  it('refuses a second lab in one run, which would wait for itself', async () => {
    const lock = await takeLabLock(path(), '/lab', 5_000);
    await expect(takeLabLock(path(), '/other', 5_000)).rejects.toThrow('this run already has a lab, in /lab');
    await lock.release();
  });
});
