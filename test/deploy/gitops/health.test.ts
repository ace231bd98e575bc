import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LuaFactory } from 'wasmoon';
import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { beingDeleted, healthRows } from './health-rows.ts';
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

describe('the health of an ImageCache', () => {
  it.each(healthRows)('is $argo for Argo CD when $when', async ({ of, argo }) => {
    expect(await health(of)).toBe(argo);
  });

  it.each([...healthRows, beingDeleted])(
    'is $kstatus by the rules of kstatus when $when',
    ({ of, kstatus: expected }) => {
      expect(kstatus(of)).toBe(expected);
    },
  );
});
