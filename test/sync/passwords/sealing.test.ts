/** New passwords on their way: nobody opens one that is another's. */
import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Secret } from '../../../src/settings.ts';
import { openKeyring } from '../../../src/store/encryption.ts';
import { openPassword, resealPassword, sealPassword } from '../../../src/sync/passwords/sealing.ts';

const key = () => new Secret(randomBytes(32).toString('base64'));
const keyring = openKeyring(key());
const OWNER = { target: 'main', person: 'shop:1' };

test('any password or hash comes out as it went in', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.boolean(), (text, isHash) => {
      const secret = new Secret(text);
      const sealed = sealPassword(keyring, OWNER, isHash ? { hash: secret } : { clear: secret });
      const opened = openPassword(keyring, OWNER, sealed);
      expect(sealed.charAt(0)).toBe(isHash ? 'h' : 'c');
      expect((isHash ? opened?.hash : opened?.clear)?.reveal()).toBe(text);
      expect(isHash ? opened?.clear : opened?.hash).toBeUndefined();
    }),
  );
});

test('nothing opens for somebody else, with another key, or when it is cut', () => {
  const sealed = sealPassword(keyring, OWNER, { clear: new Secret('correct horse') });
  for (const other of [
    { target: 'other', person: 'shop:1' },
    { target: 'main', person: 'shop:2' },
    { target: 'mains', person: 'hop:1' },
  ])
    expect(openPassword(keyring, other, sealed)).toBeUndefined();
  expect(openPassword(openKeyring(key()), OWNER, sealed)).toBeUndefined();
  for (const broken of ['', 'AAAA', sealed.slice(0, -2), undefined])
    expect(openPassword(keyring, OWNER, broken)).toBeUndefined();
});

test('what is opened does not print itself', () => {
  const sealed = sealPassword(keyring, OWNER, { clear: new Secret('correct horse') });
  expect(sealed).not.toContain('correct');
  const opened = openPassword(keyring, OWNER, sealed);
  expect(`${inspect(opened)} ${JSON.stringify(opened)}`).not.toContain('correct');
});

test('a user of the target becomes a person, and only whoever may open it says so', () => {
  const from = { target: 'main', person: 'user:42' };
  const sealed = sealPassword(keyring, from, { hash: new Secret('$2a$…') });
  const again = resealPassword(keyring, sealed, { from, to: OWNER });
  expect(openPassword(keyring, OWNER, again)?.hash?.reveal()).toBe('$2a$…');
  expect(resealPassword(keyring, sealed, { from: OWNER, to: from })).toBeUndefined();
});
