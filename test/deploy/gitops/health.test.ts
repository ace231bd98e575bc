import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LuaFactory } from 'wasmoon';
import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { conditionsWhen, type Phase } from '#model/conditions.ts';
import type { Condition, ImageCache, Status } from '#model/image-cache.ts';
import { wireStatus } from '#model/status.ts';
import { cache, noon } from '../../functions/model/builders.ts';
import { kstatus } from './kstatus.ts';

const key = 'resource.customizations.health.kubefledged.io_ImageCache';
const file = join(import.meta.dirname, '../../../deploy/gitops/argocd-cm.yaml');
const script = z.object({ data: z.record(z.string(), z.string()) }).parse(parse(await readFile(file, 'utf8'))).data[
  key
];
const Health = z.object({ status: z.string(), message: z.string() });

/** Runs the script as Argo CD does: the object is global, what the script returns is the health. */
async function health(object: object): Promise<string> {
  const lua = await new LuaFactory().createEngine({ openStandardLibs: true });
  try {
    await lua.doString(`obj = ${luaTable(object)}`);
    return Health.parse(await lua.doString(script ?? '')).status;
  } finally {
    lua.global.close();
  }
}

/** A value as Lua writes it, as Argo CD hands tables over and not JavaScript objects. */
function luaTable(value: unknown): string {
  if (Array.isArray(value)) return `{${value.map(luaTable).join(',')}}`;
  if (typeof value === 'object' && value !== null)
    return `{${Object.entries(value)
      .map(([name, each]) => `[${JSON.stringify(name)}]=${luaTable(each)}`)
      .join(',')}}`;
  return value === null || value === undefined ? 'nil' : JSON.stringify(value);
}

type At = { readonly phase: Phase; readonly before?: readonly Condition[]; readonly generation?: number };

const conditions = ({ phase, before = [], generation = 2 }: At): readonly Condition[] =>
  conditionsWhen(phase, { conditions: before, generation, message: 'so it is', now: noon });

const object = (status: Partial<Status>, of: Partial<ImageCache> = {}): object => {
  const whole = cache({ generation: 2, ...of });
  const told: ImageCache = { ...whole, status: { ...whole.status, observedGeneration: 2, ...status } };
  return {
    metadata: { generation: told.generation, ...(told.isBeingDeleted && { deletionTimestamp: 'now' }) },
    spec: { suspend: told.spec.suspend },
    status: wireStatus(told.status, told),
  };
};

const succeeded = conditions({ phase: 'succeeded' });
const failed = conditions({ phase: 'failed' });
const suspendedSpec = { spec: { ...cache().spec, suspend: true } };

const rows: readonly { readonly when: string; readonly of: object; readonly argo: string; readonly kstatus: string }[] =
  [
    {
      when: 'nobody has looked at it',
      of: { metadata: { generation: 1 }, spec: {} },
      argo: 'Progressing',
      kstatus: 'Current',
    },
    {
      when: 'the first round is open',
      of: object({ status: 'Processing', conditions: conditions({ phase: 'open' }) }),
      argo: 'Progressing',
      kstatus: 'InProgress',
    },
    {
      when: 'all images are there',
      of: object({ status: 'Succeeded', conditions: succeeded }),
      argo: 'Healthy',
      kstatus: 'Current',
    },
    {
      when: 'no node matches',
      of: object({ status: 'NoImagesPulledOrDeleted', conditions: conditions({ phase: 'noNodes' }) }),
      argo: 'Healthy',
      kstatus: 'Current',
    },
    {
      when: 'images failed',
      of: object({ status: 'Failed', conditions: failed }),
      argo: 'Degraded',
      kstatus: 'Failed',
    },
    {
      when: 'a refresh is under way',
      of: object({ status: 'Processing', conditions: conditions({ phase: 'open', before: succeeded }) }),
      argo: 'Healthy',
      kstatus: 'InProgress',
    },
    {
      when: 'a failed cache is tried again',
      of: object({ status: 'Processing', conditions: conditions({ phase: 'open', before: failed }) }),
      argo: 'Progressing',
      kstatus: 'InProgress',
    },
    {
      when: 'an edit has not been taken up',
      of: object({ status: 'Succeeded', conditions: succeeded }, { generation: 3 }),
      argo: 'Progressing',
      kstatus: 'InProgress',
    },
    {
      when: 'an edit is under way',
      of: object(
        {
          status: 'Processing',
          observedGeneration: 3,
          conditions: conditions({ phase: 'open', before: succeeded, generation: 3 }),
        },
        { generation: 3 },
      ),
      argo: 'Progressing',
      kstatus: 'InProgress',
    },
    {
      when: 'it was purged',
      of: object({ status: 'Succeeded', reason: 'ImageCachePurge', conditions: conditions({ phase: 'purged' }) }),
      argo: 'Suspended',
      kstatus: 'InProgress',
    },
    {
      when: 'it is suspended',
      of: object(
        { status: 'Aborted', conditions: conditions({ phase: 'suspended', before: succeeded }) },
        suspendedSpec,
      ),
      argo: 'Suspended',
      kstatus: 'Current',
    },
    {
      when: 'kube-fledged wrote it',
      of: { metadata: { generation: 1 }, spec: {}, status: { status: 'Succeeded', reason: 'ImageCacheCreate' } },
      argo: 'Progressing',
      kstatus: 'Current',
    },
  ];

describe('the health of an ImageCache', () => {
  it.each(rows)('is $argo for Argo CD when $when', async ({ of, argo }) => {
    expect(await health(of)).toBe(argo);
  });

  it.each(rows)('is $kstatus by the rules of kstatus when $when', ({ of, kstatus: expected }) => {
    expect(kstatus(of)).toBe(expected);
  });
});
