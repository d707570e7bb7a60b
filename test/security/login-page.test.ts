/** The login page with real hashes: whatever the store holds, a stranger reads the same, and nothing is remembered for them. */
import bcrypt from 'bcrypt';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { passwordSettings } from '../../src/credentials/password-settings.ts';
import type { Passwords } from '../../src/credentials/passwords.ts';
import { openPasswords } from '../../src/credentials/passwords.ts';
import type { Person, Stage } from '../provider/harness.ts';
import { authorizationUrl, CALLBACK, codeOf, openStage, submitLogin } from '../provider/harness.ts';
import { Browser } from '../support/browser.ts';
import { execute } from '../support/database.ts';

/** Of “password”, with cost 4. */
const BCRYPT = '$2b$04$ABCDEFGHIJKLMNOPQRSTUu0SVTTsdPTA5r4cnqEnuwoqaWMPIDSji';
const SALT = 'c29tZXNhbHRzb21lc2FsdA';
const KEY = 'MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI';
const LONG_NAME = `anna-${'x'.repeat(80)}`;

const someone = (login: string, hash: string | undefined, more: Partial<Person> = {}): Person => ({
  login,
  password: '',
  credentials: { passwords: hash === undefined ? [] : [{ format: 'auto', columns: { password: hash } }] },
  ...more,
});

let passwords: Passwords;
let stage: Stage;
beforeAll(async () => {
  passwords = openPasswords(passwordSettings.parse({}));
  const good = await bcrypt.hash('the right one', 4);
  stage = await openStage({
    people: [
      someone('anna', good),
      someone(LONG_NAME, good),
      someone('memory', `$argon2id$v=19$m=4194304,t=3,p=1$${SALT}$${KEY}`),
      someone('cost', BCRYPT.replace('$04$', '$31$')),
      someone('none', undefined),
      someone('empty', ''),
      someone('disabled', good, { state: 'disabled' }),
      someone('locked', good, { state: 'locked' }),
    ],
    overrides: { passwords },
  });
});
afterAll(async () => {
  await stage?.close();
  await passwords?.close();
});
beforeEach(() => execute(stage.databaseUrl, 'truncate login_attempts'));

const trying = async (login: string, password: string) => {
  const browser = new Browser();
  const page = await browser.follow(authorizationUrl(stage), CALLBACK);
  const answer = await submitLogin(browser, page, { login, password });
  return { browser, answer };
};
/** Without what differs from page to page. */
const bare = (html: string) => html.replace(/value="[^"]*"|\/login\/[\w-]+/g, '');

test('a hostile hash costs no memory, and looks like a wrong password; so do no hash, a disabled and an unknown user', async () => {
  const before = process.memoryUsage.rss();
  const { answer: wrong } = await trying('anna', 'a wrong one');
  expect(wrong.status).toBe(401);
  for (const login of ['memory', 'cost', 'none', 'empty', 'disabled', 'locked', 'nobody']) {
    const { answer } = await trying(login, 'a wrong one');
    expect([login, answer.status, bare(answer.body)]).toEqual([login, 401, bare(wrong.body)]);
    expect(Object.keys(answer.headers).sort()).toEqual(Object.keys(wrong.headers).sort());
  }
  // Unbounded, `memory` alone takes four gigabytes.
  expect(process.memoryUsage.rss() - before).toBeLessThan(512 * 1024 * 1024);
});

test('a right password is remembered for nobody: a wrong one after it is refused, also of a very long name', async () => {
  for (const login of ['anna', LONG_NAME]) {
    expect(codeOf((await trying(login, 'the right one')).answer.location)).not.toBe('');
    expect((await trying(login, 'the right onE')).answer.status).toBe(401);
    expect((await trying(login, '')).answer.status).toBe(401);
  }
});

test('what a browser is shown is never its own error: no try of these is a fault of ours', () => {
  expect(stage.errors).toEqual([]);
});
