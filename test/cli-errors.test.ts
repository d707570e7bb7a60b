import pg from 'pg';
import { expect, test } from 'vitest';
import { EXIT, failedBy, InputError } from '../src/cli-errors.ts';
import { FootbridgeError } from '../src/errors.ts';
import { PortBusyError } from '../src/listener.ts';
import { storageError } from '../src/store/db.ts';

const KNOWN = { isDemo: false, database: 'postgres://bridge:hush-hush@db.internal:5433/footbridge' };
const answered = (code: string, message: string) =>
  Object.assign(new pg.DatabaseError(message, message.length, 'error'), { code });
const textOf = (error: unknown) => failedBy(error, KNOWN).text;

test('an outage of our own database names the setting and the place, and no password', () => {
  const text = textOf(storageError(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })));
  expect(text).toContain(
    '(`database.url`: db.internal:5433, database footbridge) does not answer: ECONNREFUSED',
  );
  expect(text).toContain('docs/runbooks/our-database-down.md');
  expect(text).not.toMatch(/bridge:|hush/);
});

test('an outage of the demo’s database says how the demo is started', () => {
  const { text } = failedBy(new FootbridgeError('storage_unavailable'), { ...KNOWN, isDemo: true });
  expect(text).toContain('start it with `npm start`');
});

test.each([
  ['28P01', 'password authentication failed for user "bridge"', 'correct `database.url`'],
  ['3D000', 'database "footbridge" does not exist', 'make that database'],
  ['42P01', 'relation "ledger" does not exist', 'footbridge schema up'],
])(
  'our own database that refuses with %s says what mends it, and no place in the code',
  (code, message, remedy) => {
    const text = textOf(answered(code, message));
    expect(text).toContain(`${message} (${code})`);
    expect(text).toContain(remedy);
    expect(text).not.toContain('\n');
  },
);

test('an answer that no setting mends is our fault, and has a place', () => {
  expect(textOf(answered('42601', 'syntax error'))).toMatch(/\n\s+at /);
});

test('sentences for callers of the API are left out where the detail says all', () => {
  const known = new FootbridgeError('not_found', { detail: 'No target is called x.' });
  expect(textOf(known)).toBe('No target is called x.');
  expect(textOf(new FootbridgeError('bad_request', { detail: 'Give one of the two.' }))).toBe(
    'Give one of the two.',
  );
  expect(textOf(new FootbridgeError('not_found'))).toBe('There is nothing here.');
  expect(textOf(new FootbridgeError('batch_not_found', { detail: 'x' }))).toBe(
    'There is no batch of this name. x',
  );
});

test('a file that cannot be used is named with the reason', () => {
  const error = Object.assign(new Error('ENOENT'), { code: 'ENOENT', path: '/x/y', syscall: 'open' });
  expect(textOf(error)).toBe('/x/y (open): there is no such file or folder.');
});

test('what was typed wrongly and a port that is taken are told in one sentence', () => {
  expect(failedBy(new InputError('<id>: expected a number'), undefined)).toEqual({
    text: '<id>: expected a number',
    code: EXIT.failed,
  });
  expect(textOf(new PortBusyError('Port 1 is taken.'))).toBe('Port 1 is taken.');
});
