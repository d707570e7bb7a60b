/** The real frameworks read what we write, and we what they write just now. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { django } from '../../../src/sessions/formats/django.ts';
import { laravel } from '../../../src/sessions/formats/laravel.ts';
import { php } from '../../../src/sessions/formats/php.ts';
import { rails } from '../../../src/sessions/formats/rails.ts';
import { requiresDjango } from '../../servers/django.ts';
import { requires } from '../../support/requires.ts';
import { NEW_SESSION, opened } from './session-format-contract.ts';

interface Answer {
  readonly cookie: string;
  readonly stored: string;
  readonly id: string;
  readonly person: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Runs one of frameworks/, which answers a JSON object with another. */
function asker(program: string | undefined, script: string) {
  return (question: object): Answer => {
    const file = join(import.meta.dirname, 'frameworks', script);
    const { stdout, stderr, status } = spawnSync(program!, [file], {
      input: JSON.stringify(question),
      timeout: 60_000,
      maxBuffer: 1 << 20,
    });
    if (status !== 0) throw new Error(`${script}: ${stderr}`);
    return JSON.parse(stdout.toString());
  };
}

const inBase64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

const realDjango = requiresDjango();
describe.skipIf(realDjango.skip)(realDjango.name, () => {
  const ask = asker(realDjango.path, 'django-sessions.py');
  const secret = 'django-insecure-and-only-of-this-test';
  const password = 'pbkdf2_sha256$1000$c2FsdA$aGFzaA=';
  const open = opened(django, { secretKeys: [secret] });
  const visit = (written: { password: string; by?: typeof open }) => {
    const { key, cookie } = open.newSession();
    const session = { ...NEW_SESSION, person: '7', passwordColumns: { password } };
    const stored = Buffer.from((written.by ?? open).write(session)).toString();
    return ask({ do: 'visit', secret, password: written.password, stored, key, cookie });
  };

  test('knows who it is by what we wrote', () => {
    const { person, data } = visit({ password });
    expect(person).toBe('7');
    expect(data).toMatchObject(NEW_SESSION.data);
  });

  test('knows nobody once the password has changed, or by another key', () => {
    expect(visit({ password: `${password}x` }).person).toBeNull();
    expect(visit({ password, by: opened(django, { secretKeys: ['another'] }) }).person).toBeNull();
  });

  test('writes what we read', () => {
    const data = { note: 'Zoë '.repeat(50), list: [1, { a: null }] };
    const { cookie, stored } = ask({ do: 'login', secret, password, data });
    const content = open.read(Buffer.from(stored))!;
    expect(open.keyOf(cookie)).toBe(cookie);
    expect(content.person).toBe('7');
    expect(content.data).toMatchObject(data);
    expect(open.isBoundTo!(content, { password })).toBe(true);
  });
});

const realPhp = requires('PHP', 'php');
describe.skipIf(realPhp.skip)(realPhp.name, () => {
  const ask = asker(realPhp.path, 'php-sessions.php');

  test.each(['php', 'php_serialize'])('reads what we write, and writes what we read: %s', (serializer) => {
    const open = opened(php, { userField: 'user_id', serializer });
    const { key } = open.newSession();
    const read = ask({ do: 'read', serializer, id: key, stored: inBase64(open.write(NEW_SESSION)) });
    expect(read).toEqual({ good: true, id: key, data: { ...NEW_SESSION.data, user_id: 42 } });
    const { stored } = ask({ do: 'write', serializer });
    expect(open.read(Buffer.from(stored, 'base64'))?.person).toBe('42');
  });

  test.each([
    {},
    { encrypt: true, serializer: 'json', cipher: 'aes-256-gcm' },
    { driver: 'cache', encrypt: true },
  ])('opens a Laravel cookie and session of ours: %j', (settings) => {
    const key = `base64:${Buffer.alloc(32, 7).toString('base64')}`;
    const how = laravel.settings.parse({ appKeys: [key], ...settings });
    const open = laravel.open(how);
    const made = open.newSession();
    const stored = Buffer.from(open.write(NEW_SESSION)).toString();
    const askLaravel = asker(realPhp.path, 'laravel-sessions.php');
    const question = { ...how, appKeys: undefined, cookie: made.cookie, stored };
    const answer = askLaravel({ ...question, key });
    expect(answer.id).toBe(made.key);
    expect(answer.data).toMatchObject({
      ...NEW_SESSION.data,
      login_web_59ba36addc2b2f9401580f014c7f58ea4e30989d: 42,
      _token: expect.stringMatching(/^[A-Za-z0-9]{40}$/),
    });
    const foreign = `base64:${Buffer.alloc(32, 8).toString('base64')}`;
    expect(() => askLaravel({ ...question, key: foreign })).toThrow();
  });
});

const realRuby = requires('Ruby', 'ruby');
describe.skipIf(realRuby.skip)(realRuby.name, () => {
  const ask = asker(realRuby.path, 'rails-sessions.rb');

  test('reads what we write', () => {
    const numbers = [
      0,
      122,
      123,
      -123,
      -124,
      255,
      256,
      65_536,
      -65_537,
      2 ** 30 - 1,
      2 ** 30,
      -(2 ** 30) - 1,
      2 ** 53 - 1,
    ];
    const data = { ...NEW_SESSION.data, numbers, text: 'é'.repeat(300), float: -1.25e-7 };
    const passwordColumns = { encrypted_password: `$2a$12$${'s'.repeat(22)}${'h'.repeat(31)}` };
    const stored = opened(rails, {}).write({ ...NEW_SESSION, data, passwordColumns });
    const read = ask({ do: 'read', stored: Buffer.from(stored).toString() });
    expect(read.data).toEqual({ ...data, 'warden.user.user.key': [[42], `$2a$12$${'s'.repeat(22)}`] });
  });

  test.each([true, false])('writes what we read: HashWithIndifferentAccess %s', (wrapped) => {
    const { stored } = ask({ do: 'write', wrapped, data: { more: ['Zoë', { ключ: -5 }] } });
    const content = opened(rails, {}).read(Buffer.from(stored));
    expect(content?.person).toBe('7');
    expect(content?.data).toMatchObject({ 'again at the end': 'Zoë', more: ['Zoë', { ключ: -5 }] });
  });
});
