import { describe, expect, test } from 'vitest';
import { laravel } from '../../../src/sessions/formats/laravel.ts';
import { laravelEncrypt } from '../../../src/sessions/serialisation/laravel-encryption.ts';
import {
  NEW_SESSION,
  opened,
  sessionFormatContract,
  sessionVectors,
  storedOf,
} from './session-format-contract.ts';

const key = (fill: number, length = 32) => `base64:${Buffer.alloc(length, fill).toString('base64')}`;
const SETTINGS = { appKeys: [key(1)] };
const PASSWORD = { password: '$2y$12$abcdefghijklmnopqrstuu' };

sessionFormatContract({
  format: laravel,
  vectors: sessionVectors('laravel'),
  writing: [
    SETTINGS,
    { ...SETTINGS, cipher: 'aes-256-gcm', serializer: 'json', encrypt: true, userIs: 'text' },
    { appKeys: ['sixteen bytes...'], cipher: 'aes-128-cbc', driver: 'cache', guard: 'admin' },
    { ...SETTINGS, driver: 'cache', encrypt: true, cookieName: 'shop_session' },
  ],
  foreign: (settings) => ({
    ...settings,
    appKeys: [key(9, String(settings.cipher).includes('128') ? 16 : 32)],
  }),
  signs: { cookie: true },
});

describe('a cookie', () => {
  test('of an older key is found, and none is made with it', () => {
    const [before, now] = [
      opened(laravel, { appKeys: [key(2)] }),
      opened(laravel, { appKeys: [key(1), key(2)] }),
    ];
    const made = before.newSession();
    expect(now.keyOf(made.cookie)).toBe(made.key);
    expect(before.keyOf(now.newSession().cookie)).toBeUndefined();
  });

  test('of another name is none of this one', () => {
    const other = opened(laravel, { ...SETTINGS, cookieName: 'XSRF-TOKEN' });
    expect(opened(laravel, SETTINGS).keyOf(other.newSession().cookie)).toBeUndefined();
  });

  test('without its prefix, or with an id of another shape, finds nothing', () => {
    const encryption = { cipher: 'aes-256-cbc', keys: [Buffer.alloc(32, 1)] } as const;
    for (const plain of ['a'.repeat(40), `${'0'.repeat(40)}|${'a'.repeat(40)}`, ''])
      expect(
        opened(laravel, SETTINGS).keyOf(encodeURIComponent(laravelEncrypt(plain, encryption))),
      ).toBeUndefined();
  });

  test('of the other kind of cipher is refused', () => {
    const sealed = opened(laravel, { ...SETTINGS, cipher: 'aes-256-gcm' });
    const signed = opened(laravel, SETTINGS);
    expect(signed.keyOf(sealed.newSession().cookie)).toBeUndefined();
    expect(sealed.keyOf(signed.newSession().cookie)).toBeUndefined();
  });

  test('with a shortened tag is refused', () => {
    const open = opened(laravel, { ...SETTINGS, cipher: 'aes-256-gcm' });
    const payload = JSON.parse(
      Buffer.from(decodeURIComponent(open.newSession().cookie), 'base64').toString(),
    );
    const tag = Buffer.from(payload.tag, 'base64').subarray(0, 4).toString('base64');
    const forged = Buffer.from(JSON.stringify({ ...payload, tag })).toString('base64');
    expect(open.keyOf(encodeURIComponent(forged))).toBeUndefined();
  });
});

describe('the password', () => {
  test.each(['plain', 'keyed'])('binds a new session, %s', (passwordHash) => {
    const open = opened(laravel, { ...SETTINGS, passwordHash });
    const content = open.read(open.write({ ...NEW_SESSION, passwordColumns: PASSWORD }))!;
    expect(content.data.password_hash_web === PASSWORD.password).toBe(passwordHash === 'plain');
    expect(open.isBoundTo!(content, PASSWORD)).toBe(true);
    expect(open.isBoundTo!(content, { password: '$2y$12$another' })).toBe(false);
    expect(open.isBoundTo!(content, undefined)).toBe(false);
  });

  test('binds no session without the middleware for it', () => {
    const open = opened(laravel, { ...SETTINGS, passwordHash: 'none' });
    const content = open.read(open.write({ ...NEW_SESSION, passwordColumns: PASSWORD }))!;
    expect(content.data).not.toHaveProperty('password_hash_web');
    expect(open.isBoundTo!(content, undefined)).toBe(true);
  });
});

test('a guard has its own people', () => {
  const stored = opened(laravel, SETTINGS).write(NEW_SESSION);
  expect(opened(laravel, { ...SETTINGS, guard: 'admin' }).read(stored)?.person).toBeUndefined();
});

test('an encrypted session of somebody else’s key is refused', () => {
  const vector = sessionVectors('laravel').find(({ settings }) => settings.encrypt === true)!;
  const open = opened(laravel, { ...vector.settings, appKeys: [key(9)] });
  expect(open.read(storedOf(vector))).toBeUndefined();
});

test.each([
  ['base64:AAAA', 'aes-256-cbc'],
  ['too short', 'aes-128-cbc'],
  [key(1), 'aes-128-gcm'],
])('%s is no key of %s, and is not shown', (appKey, cipher) => {
  const parsed = laravel.settings.safeParse({ appKeys: [appKey], cipher });
  expect(parsed.success).toBe(false);
  expect(JSON.stringify(parsed.error)).not.toContain(appKey);
});
