import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { hashCommand } from '../src/hash-command.ts';

const folder = mkdtempSync(join(tmpdir(), 'hash-translate-'));
afterAll(() => rmSync(folder, { recursive: true }));

const BCRYPT = '$2b$06$wZ2FVkhrVKsmnqPQgY.cSOpUoIpTYtd8g8GS/nabHySwevvnJLKBq';
const bcrypt = { id: 'b', format: 'bcrypt', columns: { password: BCRYPT } };
const salted = {
  id: 's',
  format: 'ldap',
  columns: { userPassword: '{SSHA}uQ5sP8/uK6FOP/20RITN7t06n6LTuhfC' },
};

interface Answer {
  readonly translated: unknown;
  readonly conditions?: readonly { readonly code: string; readonly sentence: string }[];
  readonly reason?: { readonly code: string; readonly sentence: string };
}

async function translate(...lines: object[]): Promise<Answer[]> {
  const file = join(folder, 'lines.jsonl');
  writeFileSync(file, lines.map((line) => JSON.stringify(line)).join('\n'));
  const out: Answer[] = [];
  const code = await hashCommand('translate', file, {
    out: (line) => out.push(JSON.parse(line)),
    say: (text) => expect(text).toBe(''),
  });
  expect(code).toBe(0);
  return out;
}

const translatedFor = async (line: object, target: string) => (await translate({ ...line, target }))[0]!;

describe('footbridge hash translate', () => {
  test.each([
    ['zitadel', BCRYPT],
    ['kratos', BCRYPT],
    ['ory', BCRYPT],
    ['keycloak', null],
    ['auth0', { custom_password_hash: { algorithm: 'bcrypt', hash: { value: BCRYPT } } }],
    ['cidaas', { algorithmTypeId: 'BCRYPT_6', passwordHash: BCRYPT }],
  ])('writes for %s', async (target, encoded) => {
    const { translated, reason } = await translatedFor(bcrypt, target);
    expect(translated).toEqual(encoded);
    if (encoded === null) expect(reason).toMatchObject({ code: 'untranslatable_algorithm' });
  });

  test('gives each line to its own target, in order', async () => {
    const answers = await translate(
      { ...salted, target: 'zitadel' },
      { ...salted, target: 'kratos' },
      { ...salted, target: 'auth0' },
    );
    expect(answers.map(({ translated }) => translated)).toEqual([
      null,
      '$sha1$pf=e1BBU1NXT1JEfXtTQUxUfQ==$07oXwg==$uQ5sP8/uK6FOP/20RITN7t06n6I=',
      {
        custom_password_hash: {
          algorithm: 'sha1',
          hash: { value: 'b90e6c3fcfee2ba14e3ffdb44484cdeedd3a9fa2', encoding: 'hex' },
          salt: { value: 'd3ba17c2', encoding: 'hex', position: 'suffix' },
        },
      },
    ]);
  });

  test('says the conditions, and leaves out one that the password in the line meets', async () => {
    const codes = async (line: object) =>
      (await translatedFor(line, 'kratos')).conditions?.map(({ code }) => code);
    expect(await codes(bcrypt)).toEqual(['password_length_limited']);
    expect(await codes({ ...bcrypt, password: 'a'.repeat(73) })).toEqual(['password_length_limited']);
    expect(await codes({ ...bcrypt, password: 'a'.repeat(72) })).toBeUndefined();
    const phpbb = { ...bcrypt, format: 'phpbb-bcrypt', password: 'short' };
    expect(await codes(phpbb)).toEqual(['unchanged_passwords_only']);
  });

  test.each(['okta', 'constructor', '__proto__'])('knows no target %s', async (target) => {
    const { translated, reason } = await translatedFor(bcrypt, target);
    expect({ translated, code: reason?.code }).toEqual({ translated: null, code: 'unknown_target' });
  });
});
