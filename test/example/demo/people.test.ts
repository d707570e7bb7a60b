import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { demoLegacySettings } from '../../../example/demo/demo-legacy.ts';
import { HASH_KINDS, hashKind } from '../../../example/demo/hash-kinds.ts';
import { verify } from '../../../example/demo/passwap.ts';
import { PEOPLE } from '../../../example/demo/people.ts';
import { base32 } from '../../../example/demo/totp.ts';
import { passwordSettings } from '../../../src/credentials/password-settings.ts';
import { openPasswords } from '../../../src/credentials/passwords.ts';
import { legacySettings } from '../../../src/legacy/legacy-settings.ts';
import { zitadel } from '../../../src/targets/zitadel/index.ts';

const passwords = openPasswords(passwordSettings.parse({}));
afterAll(() => passwords.close());

describe.each(Object.entries(HASH_KINDS))('the shop’s hash kind %s', (name, kind) => {
  const password = 'Grüße aus Köln';
  let stored: { pw: string; salt?: string | undefined };
  beforeAll(async () => {
    stored = await kind.make(password);
  });
  const asFootbridge = () => ({
    format: kind.format,
    columns: { [kind.column]: stored.pw, salt: stored.salt },
  });

  test('is opened by its password at the shop and at Footbridge, and by no other', async () => {
    // Nobody computes gost-yescrypt.
    const opens = name !== 'gost-yescrypt';
    expect(await kind.matches(password, stored)).toBe(opens);
    expect(await kind.matches(`${password}x`, stored)).toBe(false);
    expect(await passwords.verify(asFootbridge(), password)).toMatchObject({ verified: opens });
    expect(await passwords.verify(asFootbridge(), `${password}x`)).toMatchObject({ verified: false });
  });

  test('can be taken along exactly when the story says so', async () => {
    const translation = passwords.translate(asFootbridge(), zitadel.accepts);
    expect('encoded' in translation).toBe(kind.translatable);
    if ('encoded' in translation) expect(await verify(translation.encoded as string, password)).toBe(true);
  });
});

test('a kind that the shop does not know is none', () => {
  expect(hashKind('toString')).toBeUndefined();
});

describe('the people', () => {
  test('are forty, with ids and logins of their own', () => {
    expect(PEOPLE).toHaveLength(40);
    expect(new Set(PEOPLE.map(({ id }) => id)).size).toBe(40);
    expect(new Set(PEOPLE.map(({ login }) => login.toLowerCase())).size).toBe(40);
  });
  test('have every kind of hash and every oddity among them', () => {
    expect(new Set(PEOPLE.map(({ kind }) => kind)).size).toBe(Object.keys(HASH_KINDS).length);
    expect(PEOPLE.some(({ active }) => !active)).toBe(true);
    expect(PEOPLE.some(({ lockedUntil }) => lockedUntil)).toBe(true);
    expect(PEOPLE.some(({ emailConfirmed }) => !emailConfirmed)).toBe(true);
    expect(PEOPLE.some(({ email }) => !email)).toBe(true);
    expect(PEOPLE.some(({ givenName }) => !givenName)).toBe(true);
    expect(PEOPLE.some(({ password }) => Buffer.byteLength(password) > 72)).toBe(true);
    const emails = PEOPLE.flatMap(({ email }) => email ?? []);
    expect(new Set(emails).size).toBe(emails.length);
    expect(new Set(emails.map((email) => email.toLowerCase())).size).toBe(emails.length - 1);
  });
  test('only use mail hosts that can belong to nobody (RFC 2606)', () => {
    for (const { email } of PEOPLE) expect(email ?? '@example.com').toMatch(/@example\.(com|org|net)$/);
  });
  test('have seeds that an authenticator app takes', () => {
    const seeds = PEOPLE.flatMap(({ otpSeed }) => otpSeed ?? []);
    expect(seeds.length).toBeGreaterThan(2);
    for (const seed of seeds) expect(base32(seed)?.length).toBeGreaterThanOrEqual(10);
  });
});

test('the mapping for the shop is a valid configuration', () => {
  const settings = legacySettings.parse(demoLegacySettings('postgresql://shop@127.0.0.1/shop'));
  expect(settings.store).toBe('shop');
  expect(settings.mapping.password).toHaveLength(Object.keys(HASH_KINDS).length);
});
