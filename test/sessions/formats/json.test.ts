import { hash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { json } from '../../../src/sessions/formats/json.ts';
import { NEW_SESSION, opened, sessionFormatContract } from './session-format-contract.ts';

sessionFormatContract({
  format: json,
  vectors: [],
  writing: [{ userField: 'user_id' }, { userField: 'accounts.0.id', userIs: 'text', keyHash: 'sha256' }],
  signs: {},
});

const read = (userField: string, stored: string) => opened(json, { userField }).read(Buffer.from(stored));

describe('the person', () => {
  test('is found by names and by numbers of lists', () => {
    expect(read('a.b', '{"a":{"b":7}}')?.person).toBe('7');
    expect(read('a.1.id', '{"a":[{},{"id":"x"}]}')?.person).toBe('x');
  });

  test.each([
    '{}',
    '{"a":7}',
    '{"a":{"b":null}}',
    '{"a":{"b":true}}',
    '{"a":{"b":1.5}}',
    '{"a":{"b":9007199254740993}}',
    '{"a":{"b":""}}',
    '{"a":{"b":"x\\u0000"}}',
    '{"a":{"b":"\\ud800"}}',
    '{"a":{"b":["7"]}}',
    '{"__proto__":{"a":{"b":7}}}',
  ])('is nobody in %s', (stored) => {
    const content = read('a.b', stored);
    expect(content).toBeDefined();
    expect(content?.person).toBeUndefined();
  });

  test('is never what JavaScript itself has there', () => {
    expect(read('constructor.name', '{}')?.person).toBeUndefined();
    expect(read('a.length', '{"a":[1]}')?.person).toBeUndefined();
  });

  test('cannot be overruled by the data of a new session', () => {
    const open = opened(json, { userField: 'user.id' });
    const stored = open.write({ ...NEW_SESSION, data: { user: { id: 1, name: 'x' } } });
    expect(open.read(stored)?.data).toEqual({ user: { id: 42, name: 'x' } });
  });
});

test.each(['', '[]', '7', 'null', '"{}"', '{"a":1}x', '{"a":1e999}', '\ufeff{}', '{"a":"\xff'])(
  '%j is no session',
  (stored) => {
    expect(opened(json, { userField: 'a' }).read(Buffer.from(stored, 'latin1'))).toBeUndefined();
  },
);

test('depth and number of values are bounded', () => {
  const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
  expect(read('a', nested(30))).toBeDefined();
  expect(read('a', nested(40))).toBeUndefined();
  expect(read('a', `{"a":[${'1,'.repeat(1_000)}1]}`)).toBeDefined();
  expect(read('a', `{"a":[${'1,'.repeat(30_000)}1]}`)).toBeUndefined();
});

test('the store knows a cookie only by its hash, where the settings say so', () => {
  const open = opened(json, { userField: 'a', keyHash: 'sha256' });
  const { cookie, key } = open.newSession();
  expect(key).toBe(hash('sha256', cookie, 'hex'));
  expect(open.keyOf(key)).not.toBe(key);
});

test.each(['a..b', '.a', 'a.', '', 'a b', 'a.b.c.d.e.f.g.h.i'])('%j is no path to a person', (userField) => {
  expect(json.settings.safeParse({ userField }).success).toBe(false);
});
