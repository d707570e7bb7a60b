import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { issueTicket, readTicket } from '../../src/migration/tickets.ts';
import { Secret } from '../../src/settings.ts';
import { openKeyring } from '../../src/store/encryption.ts';

const newKey = () => new Secret(randomBytes(32).toString('base64'));
const key = newKey();
const keyring = openKeyring(key);
const LOGIN = { sub: 'shop:4711', clientId: 'main-login', authTime: 1_800_000_000, loginId: 'session-1' };

describe('a ticket', () => {
  test('is the same for the same login, and reads back as that login', () => {
    const text = issueTicket(keyring, LOGIN);
    expect(issueTicket(keyring, LOGIN)).toBe(text);
    expect(readTicket(keyring, text)).toMatchObject(LOGIN);
  });

  test.each([
    ['user', { sub: 'shop:4712' }],
    ['client', { clientId: 'other-login' }],
    ['second', { authTime: LOGIN.authTime + 1 }],
    ['login in the same second', { loginId: 'session-2' }],
  ])('is another one for another %s', (_what, change) => {
    const [one, another] = [LOGIN, { ...LOGIN, ...change }].map((login) =>
      readTicket(keyring, issueTicket(keyring, login)),
    );
    expect(another!.id.equals(one!.id)).toBe(false);
  });

  test('with any one character changed, cut off or added is none', () => {
    const text = issueTicket(keyring, LOGIN);
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom('A', 'z', '.', '=', ' ', 'é'), (at, character) => {
        const changed = text.slice(0, at) + character + text.slice(at + 1);
        if (changed !== text) expect(readTicket(keyring, changed)).toBeUndefined();
        expect(readTicket(keyring, text.slice(0, at))).toBeUndefined();
        expect(readTicket(keyring, text + character)).toBeUndefined();
      }),
    );
  });

  test('of another installation is none', () => {
    expect(readTicket(openKeyring(newKey()), issueTicket(keyring, LOGIN))).toBeUndefined();
  });

  test('survives the rotation of the master key', () => {
    const rotated = openKeyring([newKey(), key]);
    expect(readTicket(rotated, issueTicket(keyring, LOGIN))).toMatchObject(LOGIN);
  });

  test('is never read from arbitrary text, and reading never throws', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `fbt1.${text}.${text}`),
        ),
        (text) => {
          expect(readTicket(keyring, text)).toBeUndefined();
        },
      ),
    );
  });
});
