import { createHash } from 'node:crypto';
import { afterAll, describe, expect, test } from 'vitest';
import { candidates, isTelling } from '../../src/credentials/discovery.ts';
import { passwordSettings } from '../../src/credentials/password-settings.ts';
import { openPasswords } from '../../src/credentials/passwords.ts';
import type { StoredPassword } from '../../src/user.ts';

const passwords = openPasswords(passwordSettings.parse({}));
afterAll(() => passwords.close());

const hex = (digest: string, text: string) => createHash(digest).update(text).digest('hex');
const PASSWORD = 'Grüße & Tr0ub4dor';

async function opened(stored: StoredPassword, password: string): Promise<string[]> {
  const found: string[] = [];
  for (const format of candidates(stored)) {
    if ((await passwords.verify({ ...stored, format }, password)).verified) found.push(format);
  }
  return found;
}

describe('a format found by a password', () => {
  const salted: StoredPassword = {
    format: 'our-shop',
    columns: { pw: hex('md5', `x7Q${hex('md5', PASSWORD)}`), salt: 'x7Q' },
  };

  test('is the one that the password opens', async () => {
    expect(await opened(salted, PASSWORD)).toEqual(['generic-md5-md5-salt-prefix']);
  });

  test('is none for another password', async () => {
    expect(await opened(salted, `${PASSWORD} `)).toEqual([]);
  });

  test('is told by the likeliest of its names', async () => {
    const stored = { format: 'wordpress-old-md5', columns: { user_pass: hex('md5', PASSWORD) } };
    const [first] = await opened(stored, PASSWORD);
    expect(first).toBe('wordpress-md5');
  });

  test('is none that changes the password, unless its name is meant', async () => {
    const columns = { user_password: hex('md5', PASSWORD) };
    for (const other of [` ${PASSWORD}`, PASSWORD.toUpperCase(), PASSWORD.normalize('NFD')]) {
      expect(await opened({ format: 'our-shop', columns }, other), other).toEqual([]);
    }
  });

  test('is none where the text is the password itself', () => {
    expect(candidates({ format: 'our-shop', columns: { password: PASSWORD } })).toEqual([]);
  });

  test('costs a few slow hashes at most', () => {
    const columns = { password: '$2b$10$mbpirexTCjzaI/Wp3aplPezGtjUfBlxJBfLQxW4rEq2aJGLO5KgNW' };
    const settings = { pepper: 'p' };
    expect(candidates({ format: 'our-shop', columns, settings }).length).toBeLessThanOrEqual(24);
  });
});

describe('a password tells nothing', () => {
  const stored = { format: 'our-shop', columns: { pw: 'abc', salt: 'NaCl' }, settings: { pepper: 'p3pp3r' } };

  test.each([
    ['a digest', hex('md5', PASSWORD)],
    ['a digest in base64', 'XrY7u+Ae7tCTyyK7j1rNww=='],
    ['with the salt in front', `NaCl${PASSWORD}`],
    ['with the pepper behind', `${PASSWORD}p3pp3r`],
    ['escaped for HTML', 'Gr&amp;n'],
    ['escaped for SQL', "it\\'s"],
  ])('that is %s', (_, password) => {
    expect(isTelling(password, stored)).toBe(false);
    expect(isTelling(PASSWORD, stored)).toBe(true);
  });
});
