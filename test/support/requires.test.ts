import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { requires } from './requires.ts';

beforeEach(() => vi.stubEnv('FOOTBRIDGE_REQUIRE_SERVERS', ''));
afterEach(() => vi.unstubAllEnvs());

test('a program that is installed is found, and the title is its name', () => {
  expect(requires('shell', 'no-such-program', 'sh')).toEqual({
    path: expect.stringMatching(/\/sh$/),
    skip: false,
    name: 'shell',
  });
});

test('a missing program skips, and the title says which', () => {
  expect(requires('MariaDB', 'no-such-mariadbd', 'no-such-mysqld')).toEqual({
    path: undefined,
    skip: true,
    name: 'MariaDB [skipped: no-such-mariadbd or no-such-mysqld is not installed]',
  });
});

test('a missing program fails where servers are required', () => {
  vi.stubEnv('FOOTBRIDGE_REQUIRE_SERVERS', '1');
  expect(() => requires('no-such-program')).toThrow('no-such-program: no-such-program is not installed');
  expect(requires('sh').skip).toBe(false);
});
