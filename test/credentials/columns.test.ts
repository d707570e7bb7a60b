import { createHash, pbkdf2Sync } from 'node:crypto';
import { afterAll, describe, expect, test } from 'vitest';
import { decoded, fieldsOf } from '../../src/credentials/columns.ts';
import { passwordSettings } from '../../src/credentials/password-settings.ts';
import { openPasswords } from '../../src/credentials/passwords.ts';
import { sourceOf } from '../../src/credentials/source.ts';

const PASSWORD = 'Tr0ub4dor&3-Legacy';
const passwords = openPasswords(passwordSettings.parse({}));
afterAll(() => passwords.close());

describe('bytes in a text', () => {
  test.each(['00ffab', '00FFAB', '\\x00ffab', 'AP+r', 'AP-r'])('%s are read', (text) => {
    expect(decoded(text, 3)?.toString('hex')).toBe('00ffab');
  });

  test.each(['00ffa', 'AP+', 'no bytes', undefined])('%s are none of three', (text) => {
    expect(decoded(text, 3)).toBeUndefined();
  });
});

describe('fields', () => {
  const source = sourceOf({
    format: 'any',
    columns: {
      custom_password_hash: '{"algorithm":"md5","hash":{"value":"a"},"salt":{"value":"b"}}',
      factor: 3,
    },
    settings: { hashKey: 'k' },
  });
  const fields = fieldsOf(source);

  test('are found by name whatever their case, in JSON texts, by their parent, and in the settings', () => {
    expect(fields('customPasswordHash.algorithm')).toBe('md5');
    expect([fields('hash.value'), fields('salt.value'), fields('FACTOR'), fields('hashKey')]).toEqual([
      'a',
      'b',
      '3',
      'k',
    ]);
  });

  test('that are not there are undefined', () => {
    expect(fields('hash.encoding', 'pepper')).toBeUndefined();
  });
});

describe('binary columns', () => {
  const salt = Buffer.from('00ff10c3a9808182', 'hex');
  const sha256 = createHash('sha256').update(salt).update(PASSWORD).digest();
  const key = pbkdf2Sync(PASSWORD, salt, 1000, 32, 'sha256');
  const rows = [
    ['generic-sha256-salt-prefix', { password: sha256, salt }],
    ['generic-sha256-salt-prefix', { password: `\\x${sha256.toString('hex')}`, salt }],
    ['generic-pbkdf2-sha256', { hash: key, salt, iterations: 1000 }],
    [
      'generic-pbkdf2-sha256-hex-salt',
      { hash: `\\x${key.toString('hex')}`, salt: salt.toString('hex'), iterations: 1000 },
    ],
  ] as const;

  test.each(rows)('of %s are taken byte by byte', async (format, columns) => {
    const verdict = async (password: string) =>
      (await passwords.verify({ format, columns }, password)).verified;
    expect([await verdict(PASSWORD), await verdict(`${PASSWORD}x`)]).toEqual([true, false]);
  });
});
