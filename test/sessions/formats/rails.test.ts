import { hash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { rails } from '../../../src/sessions/formats/rails.ts';
import { NEW_SESSION, opened, sessionFormatContract, sessionVectors } from './session-format-contract.ts';

const SALT = '$2a$12$R9h/cIPz0gi.URNNX3kh2O';
const PASSWORD = { encrypted_password: `${SALT}PST9/PgBkqquzi.Ss7KIUgO2t0jWMUW` };

sessionFormatContract({
  format: rails,
  vectors: sessionVectors('rails'),
  writing: [
    {},
    { serializer: 'json' },
    { serializer: 'marshal-bytes', keyHash: 'none' },
    { userField: 'user_id' },
    { userField: 'auth.id', userIs: 'text', serializer: 'json' },
  ],
  signs: {},
});

describe('Devise', () => {
  const open = opened(rails, {});

  test('binds a new session to the salt of the password', () => {
    const content = open.read(open.write({ ...NEW_SESSION, passwordColumns: PASSWORD }))!;
    expect(content.data['warden.user.user.key']).toEqual([[42], SALT]);
    expect(open.isBoundTo!(content, PASSWORD)).toBe(true);
    expect(open.isBoundTo!(content, { encrypted_password: `$2a$12$${'x'.repeat(53)}` })).toBe(false);
  });

  test('does not accept a session that is bound to nothing', () => {
    const content = open.read(open.write(NEW_SESSION))!;
    expect(content.person).toBe('42');
    expect(open.isBoundTo!(content, PASSWORD)).toBe(false);
    expect(open.isBoundTo!(content, undefined)).toBe(false);
    expect(open.isBoundTo!({ data: {} }, undefined)).toBe(false);
  });

  test('has a session for each scope', () => {
    const stored = open.write({ ...NEW_SESSION, passwordColumns: PASSWORD });
    expect(opened(rails, { scope: 'admin' }).read(stored)?.person).toBeUndefined();
    expect(opened(rails, { scope: 'admin' }).read(stored)?.data).toMatchObject(NEW_SESSION.data);
  });
});

test('an app with a place of its own for the person binds its sessions to nothing', () => {
  const open = opened(rails, { userField: 'user_id' });
  expect(open.isBoundTo!(open.read(open.write(NEW_SESSION))!, undefined)).toBe(true);
});

test('a stored key is no cookie', () => {
  const open = opened(rails, {});
  const { cookie, key } = open.newSession();
  expect(key).toBe(`2::${hash('sha256', cookie, 'hex')}`);
  expect(open.keyOf(key)).toBeUndefined();
});

test.each([
  '',
  'BAg=',
  'BAhbBg==',
  'BAh7!A==',
  '\x04\x08',
  '\x04\x08[\x00',
  '\x04\x08{\x00x',
  '{"a":1',
  '[]',
  '\x04\x09{\x00',
])('%j is no session', (stored) => {
  expect(opened(rails, {}).read(Buffer.from(stored, 'latin1'))).toBeUndefined();
});
