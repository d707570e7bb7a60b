/** What would leave a door open is refused when it is read, before anything listens. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { adminSettings } from '../../src/admin/admin-settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'footbridge-settings-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, content: string) => {
  writeFileSync(join(folder, name), content);
  return { file: join(folder, name) };
};
const LONG = 'token-of-the-operator-0123456789';
const pathsOf = (admin: object) =>
  (adminSettings.safeParse(admin).error?.issues ?? []).map(({ path }) => path.join('.'));

test.each([
  ['short', { token: 'letmein' }, ['token']],
  ['in an empty file', { token: file('empty', '\n') }, ['token']],
  ['short, with a name', { tokens: [{ name: 'anna', role: 'viewer', token: 'anna' }] }, ['tokens.0.token']],
])('a token of the API that is %s is refused at its place', (_how, admin, paths) => {
  expect(pathsOf(admin)).toEqual(paths);
});

test('one that nobody guesses is taken, and none closes the API', () => {
  expect(pathsOf({ token: file('long', `${LONG}\n`) })).toEqual([]);
  expect(pathsOf({ tokens: [{ name: 'anna', role: 'viewer', token: LONG }] })).toEqual([]);
  expect(adminSettings.parse({})).toMatchObject({ tokens: [], fourEyes: true });
  expect(adminSettings.parse({}).token).toBeUndefined();
});
