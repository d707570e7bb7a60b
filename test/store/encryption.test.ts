import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isFootbridgeError } from '../../src/errors.ts';
import { Secret } from '../../src/settings.ts';
import { openKeyring } from '../../src/store/encryption.ts';

const masterKey = () => new Secret(randomBytes(32).toString('base64'));
const keyring = openKeyring(masterKey());
const bytes = fc.uint8Array({ maxLength: 300 });

describe('sealing', () => {
  test('what was sealed opens with the same purpose and the same aad, byte for byte', () => {
    fc.assert(
      fc.property(bytes, fc.string(), (plaintext, aad) => {
        expect(keyring.open('cookie', keyring.seal('cookie', plaintext, aad), aad)).toEqual(
          Buffer.from(plaintext),
        );
      }),
    );
  });

  test('text comes back as its UTF-8 bytes', () => {
    expect(keyring.open('cookie', keyring.seal('cookie', 'grüße 🙂', ''), '')?.toString()).toBe('grüße 🙂');
  });

  test('any single changed bit makes it unopenable', () => {
    fc.assert(
      fc.property(bytes, fc.nat(), fc.integer({ min: 0, max: 7 }), (plaintext, at, bit) => {
        const damaged = Buffer.from(keyring.seal('cookie', plaintext, 'u1'), 'base64url');
        damaged[at % damaged.length]! ^= 1 << bit;
        expect(keyring.open('cookie', damaged.toString('base64url'), 'u1')).toBeUndefined();
      }),
    );
  });

  test('a truncated or lengthened one does not open', () => {
    const sealed = keyring.seal('cookie', 'x', 'u1');
    for (let length = 0; length < sealed.length; length++) {
      expect(keyring.open('cookie', sealed.slice(0, length), 'u1')).toBeUndefined();
    }
    for (const more of ['A', 'AAAA', '=', '!', ' ', '\n']) {
      expect(keyring.open('cookie', sealed + more, 'u1')).toBeUndefined();
    }
  });

  test('another user, another purpose and another master key do not open it', () => {
    const sealed = keyring.seal('totp', 'seed', 'user-1');
    expect(keyring.open('totp', sealed, 'user-1')).toEqual(Buffer.from('seed'));
    expect(keyring.open('totp', sealed, 'user-2')).toBeUndefined();
    expect(keyring.open('cookie', sealed, 'user-1')).toBeUndefined();
    expect(openKeyring(masterKey()).open('totp', sealed, 'user-1')).toBeUndefined();
  });

  test('garbage is not opened and does not throw', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.base64String(),
          bytes.map((b) => Buffer.from(b).toString('base64url')),
        ),
        (text) => {
          expect(keyring.open('cookie', text, '')).toBeUndefined();
        },
      ),
    );
  });

  test('the same plaintext never looks the same twice', () => {
    const sealed = new Set(Array.from({ length: 100 }, () => keyring.seal('cookie', 'x', '')));
    expect(sealed.size).toBe(100);
  });
});

describe('rotation', () => {
  const [oldKey, newKey] = [masterKey(), masterKey()];

  test('the first key seals and all keys open', () => {
    const before = openKeyring(oldKey).seal('cookie', 'x', '');
    const during = openKeyring([newKey, oldKey]);
    expect(during.open('cookie', before, '')?.toString()).toBe('x');
    expect(
      openKeyring(newKey)
        .open('cookie', during.seal('cookie', 'y', ''), '')
        ?.toString(),
    ).toBe('y');
  });

  test('a dropped key opens nothing any more', () => {
    expect(
      openKeyring(newKey).open('cookie', openKeyring(oldKey).seal('cookie', 'x', ''), ''),
    ).toBeUndefined();
  });

  test('macs of older keys are still found, newest first', () => {
    expect(openKeyring([newKey, oldKey]).macs('subject', 'shop:1')).toEqual([
      openKeyring(newKey).mac('subject', 'shop:1'),
      openKeyring(oldKey).mac('subject', 'shop:1'),
    ]);
  });
});

describe('macs', () => {
  test('the same parts give the same mac, and differently cut parts another', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string(), { maxLength: 4 }),
        fc.array(fc.string(), { maxLength: 4 }),
        (a, b) => {
          const same = JSON.stringify(a) === JSON.stringify(b);
          expect(keyring.mac('p', ...a).equals(keyring.mac('p', ...b))).toBe(same);
        },
      ),
    );
    expect(keyring.mac('p', 'ab', 'c')).not.toEqual(keyring.mac('p', 'a', 'bc'));
    expect(keyring.mac('p', 'a', '')).not.toEqual(keyring.mac('p', 'a'));
  });

  test('purposes do not share a mac', () => {
    expect(keyring.mac('p', 'a')).not.toEqual(keyring.mac('q', 'a'));
  });

  test('text and its UTF-8 bytes have the same mac', () => {
    expect(keyring.mac('p', 'ü')).toEqual(keyring.mac('p', Buffer.from('ü')));
  });

  test('equal compares content, whatever the lengths', () => {
    expect(keyring.equal('abc', Buffer.from('abc'))).toBe(true);
    expect(keyring.equal('abc', 'abd')).toBe(false);
    expect(keyring.equal('abc', 'abcd')).toBe(false);
    expect(keyring.equal('', '')).toBe(true);
  });
});

describe('the master key', () => {
  test('is taken as base64 and as base64url, and means the same', () => {
    const key = randomBytes(32);
    const sealed = openKeyring(new Secret(key.toString('base64'))).seal('p', 'x', '');
    expect(
      openKeyring(new Secret(key.toString('base64url')))
        .open('p', sealed, '')
        ?.toString(),
    ).toBe('x');
  });

  test.each(['', 'secret', randomBytes(31).toString('base64'), randomBytes(33).toString('base64')])(
    'of another size is refused without being shown: %#',
    (text) => {
      const failed = (() => {
        try {
          return openKeyring(new Secret(text));
        } catch (error) {
          return error;
        }
      })();
      expect(isFootbridgeError(failed, 'config_invalid')).toBe(true);
      if (text) expect(inspect(failed)).not.toContain(text);
    },
  );

  test('none at all is refused', () => {
    expect(() => openKeyring([])).toThrow(expect.objectContaining({ code: 'config_invalid' }));
  });
});
