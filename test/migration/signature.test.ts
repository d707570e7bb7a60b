import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { signBody, verifySignature } from '../../src/migration/signature.ts';
import { Secret } from '../../src/settings.ts';

const KEY = new Secret('signing-key-of-the-action-target');
const KEYS = [{ id: 'new', key: KEY }];
const NOW = 1_700_000_000;

/** Computed with `openssl dgst -sha256 -hmac` and Python's hmac, not with the code under test. */
const VECTORS = [
  [
    '{"fullMethod":"/zitadel.user.v2.UserService/AddHumanUser","userID":"4711"}',
    'c79b29a03bc030a794531b0576a467139d6e839f79ec900d32e6e7d020ba38df',
  ],
  ['{"name":"Zoë"}', 'f19dfce8bb3365654c562f2994278a548e2799c01c4ff2697acd730fa89c41ad'],
] as const;

const [[TEXT, HEX]] = VECTORS;
const BODY = Buffer.from(TEXT);
const check = (header: string | undefined, { body = BODY, nowSeconds = NOW, keys = KEYS } = {}) =>
  verifySignature({ header, body, nowSeconds }, keys);

describe('a signature', () => {
  test.each(VECTORS)('over %s is the computed one', (text, hex) => {
    expect(signBody(KEY, Buffer.from(text), NOW)).toBe(`t=${NOW},v1=${hex}`);
    expect(check(`t=${NOW},v1=${hex}`, { body: Buffer.from(text) })).toMatchObject({ keyId: 'new' });
  });

  test('may be written in capitals and with blanks after the comma', () => {
    expect(check(`t=${NOW}, v1=${HEX.toUpperCase()}`)).toBeDefined();
  });

  test('holds 300 seconds either way, and not 301', () => {
    const header = `t=${NOW},v1=${HEX}`;
    for (const nowSeconds of [NOW - 300, NOW + 300]) expect(check(header, { nowSeconds })).toBeDefined();
    for (const nowSeconds of [NOW - 301, NOW + 301]) expect(check(header, { nowSeconds })).toBeUndefined();
  });

  test('does not hold for a body with any one byte changed', () => {
    fc.assert(
      fc.property(fc.nat(BODY.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const body = Buffer.from(BODY);
        body[at] = body[at]! ^ change;
        expect(check(`t=${NOW},v1=${HEX}`, { body })).toBeUndefined();
      }),
    );
  });

  test('does not hold for another time than the signed one', () => {
    expect(check(`t=${NOW + 1},v1=${HEX}`)).toBeUndefined();
    expect(check(`t=0${NOW},v1=${HEX}`)).toBeUndefined();
  });

  test.each([
    ['missing', undefined],
    ['empty', ''],
    ['without time', `v1=${HEX}`],
    ['without signature', `t=${NOW}`],
    ['short', `t=${NOW},v1=${HEX.slice(0, 62)}`],
    ['of odd length', `t=${NOW},v1=${HEX.slice(0, 63)}`],
    ['too long', `t=${NOW},v1=${HEX}00`],
    ['not hex', `t=${NOW},v1=${'z'.repeat(64)}`],
    ['with two times', `t=${NOW},t=${NOW},v1=${HEX}`],
    ['with a broken time', `t=now,v1=${HEX}`],
    ['with a negative time', `t=-5,v1=${HEX}`],
    ['of another version', `t=${NOW},v0=${HEX}`],
    ['with five signatures', `t=${NOW}${`,v1=${HEX}`.repeat(5)}`],
    ['endless', `t=${NOW},v1=${HEX},${'x'.repeat(10_000)}`],
    ['raw base64, as old builds had it', Buffer.from(HEX, 'hex').toString('base64')],
  ])('that is %s is none, and nothing is thrown', (_what, header) => {
    expect(check(header)).toBeUndefined();
  });

  test('never throws, whatever the header', () => {
    fc.assert(
      fc.property(fc.string(), (header) => {
        expect(check(header)).toBeUndefined();
      }),
    );
  });

  test('by the old key holds while that key is accepted, and not after', () => {
    const old = { id: 'old', key: new Secret('the-key-before-this-one') };
    const header = signBody(old.key, BODY, NOW);
    expect(check(header, { keys: [...KEYS, old] })).toMatchObject({ keyId: 'old' });
    expect(check(header)).toBeUndefined();
  });

  test('may come once per key of a sender that rotates', () => {
    const other = signBody(new Secret('a-key-we-do-not-know'), BODY, NOW).split(',')[1];
    expect(check(`t=${NOW},${other},v1=${HEX}`)).toMatchObject({ keyId: 'new' });
  });

  test('is the same one after its key has become the one before', () => {
    const header = `t=${NOW},v1=${HEX}`;
    const renamed = check(header, { keys: [{ id: 'old', key: KEY }] });
    expect(renamed?.id).toEqual(check(header)?.id);
    expect(renamed?.keyId).toBe('old');
  });

  test('has one identity, however it is written', () => {
    const ids = [`t=${NOW},v1=${HEX}`, `v1=${HEX.toUpperCase()}, t=${NOW}`].map((header) =>
      check(header)!.id.toString('hex'),
    );
    expect(ids[0]).toBe(ids[1]);
  });
});
