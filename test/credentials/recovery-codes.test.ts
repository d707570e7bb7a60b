import { afterAll, describe, expect, test } from 'vitest';
import { passwordSettings } from '../../src/credentials/password-settings.ts';
import { openPasswords } from '../../src/credentials/passwords.ts';
import { findRecoveryCode, textOfCode } from '../../src/credentials/recovery-codes.ts';
import type { RecoveryCode } from '../../src/user.ts';

const passwords = openPasswords(passwordSettings.parse({}));
afterAll(() => passwords.close());

const READABLE: RecoveryCode[] = [{ code: 'e58d3023' }, { code: 'aB3dE5fG7h-iJ9kL1mN3o' }];
/** Hashes of e58d3023 and 4427d323 out of WordPress’ Two-Factor plugin (phpass). */
const HASHED: RecoveryCode[] = [
  '$P$BEHTJil.ya03nLoRo56urUWJUzq45U/',
  '$P$BbW2F2wa3.5w7HgXZ/UV.Or4Z1qG3v/',
].map((hash) => ({ hash: { format: 'auto', columns: { hash } } }));

describe.each([
  ['readable', READABLE],
  ['hashed', HASHED],
])('%s recovery codes', (_what, codes) => {
  test.each(['e58d3023', ' e58d3023 ', 'e58d 3023', 'e58d-3023'])('are found as %j', async (typed) => {
    expect(await findRecoveryCode(passwords, codes, typed)).toBe(codes[0]);
  });

  test.each([
    '',
    ' ',
    '-',
    'e58d3024',
    'E58D3023',
    'e58d302',
    `e58d3023${' '.repeat(3)}0`,
    'x'.repeat(5_000),
  ])('are not found as %j', async (typed) => {
    expect(await findRecoveryCode(passwords, codes, typed)).toBeUndefined();
  });
});

test('a code with a dash of its own is found with and without it', async () => {
  expect(await findRecoveryCode(passwords, READABLE, 'aB3dE5fG7h-iJ9kL1mN3o')).toBe(READABLE[1]);
  expect(await findRecoveryCode(passwords, READABLE, 'aB3dE5fG7hiJ9kL1mN3o')).toBe(READABLE[1]);
});

test('hashes that cannot be read open nothing', async () => {
  const broken: RecoveryCode[] = [{ hash: { format: 'auto', columns: { hash: 'e58d3023' } } }];
  expect(await findRecoveryCode(passwords, broken, 'e58d3023')).toBeUndefined();
});

test('each code has a name of its own', () => {
  const names = [...READABLE, ...HASHED].map(textOfCode);
  expect(new Set(names).size).toBe(names.length);
});
