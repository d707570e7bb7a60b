import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RelayRules } from '../../src/sessions/cookie-relay.ts';
import { relayCookies } from '../../src/sessions/cookie-relay.ts';

const RULES: RelayRules = {
  cookies: ['PHPSESSID'],
  domain: 'example.com',
  path: '/',
  sameSite: 'Lax',
  secure: true,
};
const OURS = 'Domain=example.com; Path=/; HttpOnly; Secure; SameSite=Lax';

describe('a relayed cookie', () => {
  test('keeps name and value, and gets our attributes instead of the app’s', () => {
    const received = ['PHPSESSID=abc123; Domain=evil.example; Path=/admin; SameSite=None'];
    expect(relayCookies(received, RULES)).toEqual([`PHPSESSID=abc123; ${OURS}`]);
  });

  test('keeps how long it lives, within what browsers grant', () => {
    expect(relayCookies(['PHPSESSID=a; Max-Age=60'], RULES)).toEqual([
      'PHPSESSID=a; Domain=example.com; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Lax',
    ]);
    expect(relayCookies(['PHPSESSID=a; max-age=99999999999'], RULES)[0]).toContain('Max-Age=34560000;');
  });

  test('of our own host has no domain', () => {
    const { domain: _, ...hostOnly } = RULES;
    expect(relayCookies(['PHPSESSID=a'], hostOnly)).toEqual([
      'PHPSESSID=a; Path=/; HttpOnly; Secure; SameSite=Lax',
    ]);
  });

  test('is the last of several with its name', () => {
    expect(relayCookies(['PHPSESSID=first', 'PHPSESSID=last'], RULES)).toEqual([`PHPSESSID=last; ${OURS}`]);
  });

  test('may hold what is written in quotes', () => {
    expect(relayCookies(['PHPSESSID="a=b"'], RULES)).toEqual([`PHPSESSID="a=b"; ${OURS}`]);
  });
});

describe('nothing is relayed', () => {
  test.each([
    ['of another name', 'theme=dark'],
    ['of a name in other letters', 'phpsessid=abc'],
    ['without a name', '=abc'],
    ['without a value sign', 'PHPSESSID'],
    ['that the app clears', 'PHPSESSID=x; Max-Age=0'],
    ['with a blank in its value', 'PHPSESSID=a b'],
    ['with a line break in its value', 'PHPSESSID=a\r\nSet-Cookie: x=y'],
    ['with letters outside ASCII', 'PHPSESSID=ä'],
    ['longer than browsers take', `PHPSESSID=${'a'.repeat(4_100)}`],
  ])('%s', (_what, line) => {
    expect(relayCookies([line], RULES)).toEqual([]);
  });

  test('but one cookie by our rules, whatever the app answers', () => {
    fc.assert(
      fc.property(fc.array(fc.string().map((text) => `PHPSESSID=${text}`)), (received) => {
        for (const cookie of relayCookies(received, RULES)) {
          expect(cookie).toMatch(
            /^PHPSESSID=[\x21-\x7e]*; Domain=example\.com; Path=\/; (Max-Age=\d+; )?HttpOnly; Secure; SameSite=Lax$/,
          );
          expect(cookie.split(';')).toHaveLength(cookie.includes('Max-Age=') ? 7 : 6);
        }
      }),
    );
  });
});
