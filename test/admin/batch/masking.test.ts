/** Nothing secret is left in what is shown, whatever the hash and however the target writes it. */
import { describe, expect, test } from 'vitest';
import { masked, secretsOf } from '../../../src/admin/batch/masking.ts';
import { KNOWN_ANSWERS } from '../../../src/credentials/known-answers.ts';
import { encodeBase32 } from '../../../src/credentials/totp.ts';
import type { TargetUser } from '../../../src/targets/connection.ts';

const SEED = Buffer.from('a seed of 20 bytes..');
const CODES = ['Ab12-Cd34', 'ef56gh78'];

function user(encoded: string | object): TargetUser {
  return {
    sub: 'shop:1',
    legacyId: '1',
    targetUserId: 'd41d8cd98f00b204e9800998ecf8427e',
    username: 'anna',
    givenName: 'Anna',
    familyName: 'Tester',
    email: { address: 'anna@example.com', isVerified: true },
    password: { encoded, format: 'some' },
    totpSecret: encodeBase32(SEED),
    recoveryCodes: CODES,
    identityProviderLinks: [{ idpId: 'our-idp', userId: 'shop:1', userName: 'anna' }],
    metadata: { legacy_id: '1' },
    grants: [],
  };
}

/** As targets have it: whole, as a document in a text, in pieces, in other encodings. */
function messageOf({ password, totpSecret, recoveryCodes = [], ...rest }: TargetUser): object {
  const encoded = password!.encoded;
  const text = typeof encoded === 'string' ? encoded : JSON.stringify(encoded);
  const pieces = text.split('$').filter((piece) => piece.length >= 20);
  return {
    ...rest,
    password: encoded,
    asText: JSON.stringify({ credentials: [{ value: encoded }], note: 'a "note"' }),
    inBase64: ['', '-', '--'].map((before) => Buffer.from(`${before}${text}, and more`).toString('base64')),
    inUrl: `https://x.example/?hash=${encodeURIComponent(text)}`,
    split: { salt: pieces[0], digest: pieces.at(-1) },
    otp: `otpauth://totp/x?secret=${totpSecret}`,
    seed: [SEED.toString('hex'), SEED.toString('base64'), SEED.toString('latin1')],
    codes: recoveryCodes,
    bareCodes: recoveryCodes.map((code) => code.replace('-', '').toLowerCase()),
  };
}

/** Whether the text can be read out of base64 that stands anywhere in it. */
const decoded = (shown: string) =>
  [...shown.matchAll(/[\w+/]{8,}={0,2}/g)].flatMap(([text]) =>
    [0, 1, 2, 3].map((at) => Buffer.from(text.slice(at), 'base64').toString('latin1')),
  );

/** Every text in it that is long enough to be a hash, a salt or a seed of its own. */
function longTexts(value: unknown): string[] {
  if (typeof value === 'string') {
    const inside = /^[[{]/.test(value) ? longTexts(JSON.parse(value)) : [];
    return [
      ...inside,
      ...value.split(/[$"{}:,]/).filter((piece) => piece.length >= 20 && !/^[a-z]+$/i.test(piece)),
    ];
  }
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(longTexts) : [];
}

describe('what is shown', () => {
  test.each(Object.entries(KNOWN_ANSWERS))('has nothing of a hash of the kind %s', (_, { encoded }) => {
    const one = user(encoded);
    const shown = JSON.stringify(masked(messageOf(one), secretsOf([one])));
    for (const text of longTexts(encoded)) {
      expect(shown).not.toContain(text);
      expect(decoded(shown).filter((found) => found.includes(text))).toEqual([]);
    }
    if (typeof encoded === 'string') expect(shown).not.toContain(encoded.split('$').at(-1));
    for (const seed of ['hex', 'base64', 'latin1'] as const) expect(shown).not.toContain(SEED.toString(seed));
    expect(shown).not.toContain(one.totpSecret);
    for (const code of [...CODES, 'ab12cd34']) expect(shown).not.toContain(code);
  });

  test.each(Object.entries(KNOWN_ANSWERS))(
    'keeps what is no secret beside one of the kind %s',
    (_, { encoded }) => {
      const one = user(encoded);
      const shown = masked(messageOf(one), secretsOf([one]));
      const { password: _p, totpSecret: _t, recoveryCodes: _r, ...open } = one;
      expect(shown).toMatchObject(open);
    },
  );

  test('says how long what is masked was', () => {
    const one = user(KNOWN_ANSWERS.bcrypt.encoded);
    expect(masked(messageOf(one), secretsOf([one]))).toMatchObject({
      password: '[secret, 60 characters]',
      otp: 'otpauth://totp/x?secret=[secret, 32 characters]',
      codes: ['[secret, 9 characters]', '[secret, 8 characters]'],
    });
  });

  test('has no placeholder’s hash either, nor somebody else’s', () => {
    const hash = '$2b$04$kYWyY2LU/AWI3HAIcelCzeiRfwwLt8FUm8nPRxS2T/X4EfJFuaCPm';
    const { password: _, ...other } = user('');
    const both = [
      { ...other, placeholder: { encoded: hash, format: 'bcrypt' } },
      user(KNOWN_ANSWERS.bcrypt.encoded),
    ];
    const shown = JSON.stringify(masked({ hash, of: both }, secretsOf(both)));
    expect(shown).not.toContain(hash);
    expect(shown).not.toContain(hash.slice(29));
    expect(shown).toContain('[secret, 60 characters]');
  });

  test('masks a short key where it is a value, and leaves the words that have it inside', () => {
    const one = user({
      algorithmTypeId: 'HMAC-SHA-256',
      passwordHash: 'a'.repeat(64),
      hData: { key: 'Jefe' },
    });
    const shown = masked({ key: 'Jefe', name: 'Jefes Laden', kind: 'HMAC-SHA-256' }, secretsOf([one]));
    expect(shown).toEqual({ key: '[secret, 4 characters]', name: 'Jefes Laden', kind: 'HMAC-SHA-256' });
  });
});
