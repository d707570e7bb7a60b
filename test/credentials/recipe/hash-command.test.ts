import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { hashCommand } from '../../../src/hash-command.ts';

const folder = mkdtempSync(join(tmpdir(), 'footbridge-recipes-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// md5 of "NaClabc".
const RIGHT = {
  id: '1',
  recipe: 'hex(md5(salt . password))',
  columns: { hash: '09f7446e14f9fe357e16c5f43a78422e', salt: 'NaCl' },
  password: 'abc',
};

async function run(kind: 'identify' | 'verify' | 'translate', line: object) {
  const file = join(folder, 'lines.jsonl');
  writeFileSync(file, JSON.stringify(line));
  const out: object[] = [];
  const code = await hashCommand(kind, file, {
    out: (text) => out.push(JSON.parse(text)),
    say: () => {},
  });
  return { code, out: out[0] };
}

describe('a line with a recipe', () => {
  test('is identified, verified and translated by it', async () => {
    const known = { id: '1', format: 'recipe', algorithm: 'md5' };
    expect(await run('identify', RIGHT)).toMatchObject({ code: 0, out: known });
    expect(await run('verify', RIGHT)).toMatchObject({ code: 0, out: { ...known, verified: true } });
    expect(await run('verify', { ...RIGHT, password: 'abd' })).toMatchObject({
      code: 1,
      out: { verified: false },
    });
    const translated = expect.stringMatching(/^\$md5salted-prefix\$NaCl\$/);
    expect(await run('translate', RIGHT)).toMatchObject({ code: 0, out: { ...known, translated } });
  });

  test('that is wrong has a reason with the place', async () => {
    const wrong = { ...RIGHT, recipe: 'hex(md5(pasword))' };
    const reason = { code: 'recipe_invalid', sentence: expect.stringContaining('column 9') };
    expect((await run('identify', wrong)).out).toMatchObject({ algorithm: null, reason });
    expect(await run('verify', wrong)).toMatchObject({ code: 1, out: { verified: false, reason } });
    expect((await run('translate', wrong)).out).toMatchObject({ translated: null, reason });
  });

  test('without a column that the recipe uses has a reason', async () => {
    const { out } = await run('verify', { ...RIGHT, columns: { hash: RIGHT.columns.hash } });
    expect(out).toMatchObject({ verified: false, reason: { code: 'column_missing' } });
  });

  test('goes by it, whatever format stands beside it', async () => {
    expect(await run('verify', { ...RIGHT, format: 'bcrypt' })).toMatchObject({
      code: 0,
      out: { format: 'recipe' },
    });
  });
});
