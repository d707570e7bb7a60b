import { deflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { django } from '../../../src/sessions/formats/django.ts';
import { dumps } from '../../../src/sessions/serialisation/django-signing.ts';
import {
  NEW_SESSION,
  opened,
  sessionFormatContract,
  sessionVectors,
  storedOf,
} from './session-format-contract.ts';

const SETTINGS = { secretKeys: ['django-insecure-of-a-test'] };
const PASSWORD = { password: 'pbkdf2_sha256$1000$salt$hash' };
const SALT = 'django.contrib.sessions.SessionStore';

sessionFormatContract({
  format: django,
  vectors: sessionVectors('django'),
  writing: [
    SETTINGS,
    { secretKeys: ['now', 'before'], engine: 'OwnStore' },
    { ...SETTINGS, version: 'before-3.1' },
  ],
  foreign: (settings) => ({ ...settings, secretKeys: ['somebody else’s'] }),
  signs: { data: true },
});

test('a new session is bound to the password', () => {
  const open = opened(django, SETTINGS);
  const content = open.read(open.write({ ...NEW_SESSION, passwordColumns: PASSWORD }))!;
  expect(content.data._auth_user_backend).toBe('django.contrib.auth.backends.ModelBackend');
  expect(open.isBoundTo!(content, PASSWORD)).toBe(true);
  expect(open.isBoundTo!(content, { password: 'pbkdf2_sha256$1000$other$hash' })).toBe(false);
});

test('a session that is bound to no password is not accepted, as Django does not', () => {
  const open = opened(django, SETTINGS);
  expect(open.isBoundTo!(open.read(open.write(NEW_SESSION))!, PASSWORD)).toBe(false);
});

test('an older key opens what it has signed and bound, but signs nothing new', () => {
  const before = opened(django, { secretKeys: ['before'] });
  const now = opened(django, { secretKeys: ['now', 'before'] });
  const session = { ...NEW_SESSION, passwordColumns: PASSWORD };
  const content = now.read(before.write(session))!;
  expect(content.person).toBe('42');
  expect(now.isBoundTo!(content, PASSWORD)).toBe(true);
  expect(before.read(now.write(session))).toBeUndefined();
});

test('a value that was signed for something else is no session', () => {
  const [vector] = sessionVectors('django');
  const open = opened(django, { ...vector!.settings, engine: 'OwnStore' });
  expect(open.read(storedOf(vector!))).toBeUndefined();
});

test('a session of one version is none of the other', () => {
  const [now, before] = [opened(django, SETTINGS), opened(django, { ...SETTINGS, version: 'before-3.1' })];
  expect(before.read(now.write(NEW_SESSION))).toBeUndefined();
  expect(now.read(before.write(NEW_SESSION))).toBeUndefined();
});

test('nothing is inflated beyond what a session may be', () => {
  const open = opened(django, SETTINGS);
  const signed = (length: number) => {
    const json = deflateSync(JSON.stringify({ _auth_user_id: '42', pad: 'a'.repeat(length) }));
    const keys = { salt: SALT, secrets: SETTINGS.secretKeys };
    return Buffer.from(dumps(json, keys, { at: 0, isCompressed: true }));
  };
  expect(open.read(signed(1_000))?.person).toBe('42');
  expect(open.read(signed(10_000_000))).toBeUndefined();
});

test('signed data that is no map, or no JSON, is no session', () => {
  const open = opened(django, SETTINGS);
  const signed = (text: string) =>
    Buffer.from(dumps(Buffer.from(text), { salt: SALT, secrets: SETTINGS.secretKeys }, { at: 0 }));
  expect(open.read(signed('{}'))).toEqual({ data: {} });
  for (const text of ['[]', '7', 'x', '{"a":NaN}']) expect(open.read(signed(text))).toBeUndefined();
});

test.each(['ABCDEFGHIJKLMNOP', 'short', "a'; drop table", 'a'.repeat(41)])('%j is no cookie', (cookie) => {
  expect(opened(django, SETTINGS).keyOf(cookie)).toBeUndefined();
});
