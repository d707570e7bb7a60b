/** The survey over a real store, in a real database of ours. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Progress } from '../../../src/admin/operation.ts';
import { lastReport } from '../../../src/admin/survey/checkpoints.ts';
import type { Report } from '../../../src/admin/survey/report.ts';
import { reportPage } from '../../../src/admin/survey/report-page.ts';
import { reportText } from '../../../src/admin/survey/report-text.ts';
import type { SurveyDeps } from '../../../src/admin/survey/survey.ts';
import { fingerprint, runSurvey } from '../../../src/admin/survey/survey.ts';
import { passwordSettings } from '../../../src/credentials/password-settings.ts';
import type { Passwords } from '../../../src/credentials/passwords.ts';
import { openPasswords } from '../../../src/credentials/passwords.ts';
import { legacyStores } from '../../../src/legacy/legacy-settings.ts';
import { openStores } from '../../../src/legacy/stores.ts';
import { Secret } from '../../../src/settings.ts';
import type { Db } from '../../../src/store/db.ts';
import { openDb } from '../../../src/store/db.ts';
import { openKeyring } from '../../../src/store/encryption.ts';
import { HASH_READERS } from '../../../src/targets/index.ts';
import type { Store } from '../../legacy/stores.ts';
import { sqliteStore } from '../../legacy/stores.ts';
import { testDatabase } from '../../support/postgres.ts';

const BCRYPT = `$2b$10$${'a'.repeat(21)}u${'b'.repeat(31)}`;
const SHA1 = 'a94a8fe5ccb19ba61c4c0873d391e987982fbbd3';
const day = (ago: number) => new Date(Date.now() - ago * 86_400_000).toISOString().slice(0, 19);

/** id, login, email, given name, password, when they last logged in. */
type Person = [
  login: string,
  email: string | null,
  given: string,
  hash: string | null,
  lastLogin: string | null,
];
const PEOPLE: Person[] = [
  ['anna', 'anna@example.com', 'Anna', BCRYPT, day(1)],
  ['Anna', 'anna2@example.com', 'Anna', SHA1, day(200)],
  ['bob@a.example', 'bob@a.example', '', BCRYPT, day(40)],
  ['bob@b.example', 'no address', 'Bob', SHA1, day(2_000)],
  ['carl', null, 'Carl', null, null],
  ['dora', 'anna@example.com', 'Dora', 'rubbish', null],
  ['emil', 'emil@example.com', 'Emil', '!', day(3)],
];

const sql = (people: readonly Person[]) => {
  const quote = (value: string | null) => (value === null ? 'null' : `'${value}'`);
  const rows = people.map((person, i) => `(${i + 1}, ${person.map(quote).join(', ')})`);
  return `create table people (id integer primary key, login text, email text, given text, hash text, seen text);
    ${rows.length ? `insert into people values ${rows.join(',\n')};` : ''}`;
};

let db: Db;
let passwords: Passwords;
let drop: () => Promise<void>;
const stores: Store[] = [];
const keyring = openKeyring(new Secret(randomBytes(32).toString('base64')));
beforeAll(async () => {
  const database = await testDatabase();
  drop = database.drop;
  db = openDb({ url: database.url, poolSize: 4 });
  passwords = openPasswords(passwordSettings.parse({}));
});
afterAll(async () => {
  await passwords.close();
  await db.close();
  await drop();
  for (const store of stores) store.drop();
});
beforeEach(() => runs++);

let runs = 0;
function depsFor(text: string, more: Partial<SurveyDeps> = {}): SurveyDeps {
  const store = sqliteStore(text);
  stores.push(store);
  const password = (format: string, matches: string) => ({
    format,
    columns: { hash: 'hash' },
    when: { column: 'hash', matches },
  });
  const settings = {
    store: 'shop',
    sql: { engine: 'sqlite', file: store.file, table: 'people', login: ['login'] },
    mapping: {
      username: 'login',
      email: 'email',
      givenName: 'given',
      familyName: { value: 'Tester' },
      lastLogin: 'seen',
      password: [password('auto', '^(\\$|!|rubbish)'), password('generic-hex_sha1', '^[0-9a-f]{40}$')],
    },
  };
  return {
    db,
    keyring,
    passwords,
    directory: openStores(legacyStores.parse(settings)),
    readers: Object.values(HASH_READERS).map(({ kind, accepts }) => ({ name: kind, accepts })),
    settingsFingerprint: fingerprint([runs, text]),
    ...more,
  };
}

const finding = (report: Report, code: string) => report.findings.find((found) => found.code === code);

describe('a survey', () => {
  test('counts everybody once, and names what a move would meet', async () => {
    const deps = depsFor(sql(PEOPLE));
    const report = await runSurvey(deps);
    await deps.directory.close();
    expect(report.users).toBe(PEOPLE.length);
    expect(report.states).toEqual({ active: 7, disabled: 0, locked: 0 });
    expect(report.formats.map(({ format, users }) => [format, users])).toEqual([
      ['auto', 2],
      ['bcrypt', 2],
      ['generic-hex_sha1', 2],
    ]);
    expect(report.formats[1]?.costs).toEqual({ 'bcrypt cost=10': 2 });
    expect(report.lastLogins).toEqual({
      '30 days': 2,
      '90 days': 1,
      '1 year': 1,
      'longer ago': 1,
      'not known': 2,
    });
    expect(finding(report, 'email_missing')).toMatchObject({
      users: 1,
      examples: ['shop:5'],
      severity: 'stops',
    });
    expect(finding(report, 'email_invalid')).toMatchObject({ users: 1, examples: ['shop:4'] });
    expect(finding(report, 'given_name_missing')).toMatchObject({ users: 1, examples: ['shop:3'] });
    expect(finding(report, 'login_shared')).toMatchObject({ users: 2, examples: ['shop:1, shop:6'] });
    expect(finding(report, 'login_differs_by_case')).toMatchObject({
      users: 2,
      examples: ['shop:1, shop:2'],
    });
    expect(finding(report, 'local_part_shared')).toMatchObject({ users: 2, examples: ['shop:3, shop:4'] });
    expect(finding(report, 'id_repeated')).toBeUndefined();
  });

  test('tells for each target what becomes of the passwords, and of those in use', async () => {
    const deps = depsFor(sql(PEOPLE));
    const report = await runSurvey(deps);
    await deps.directory.close();
    const users = (target: string) =>
      Object.fromEntries(
        Object.entries(report.targets[target]!).map(([fate, counted]) => [fate, counted.users]),
      );
    expect(users('zitadel')).toEqual({
      carried: 2,
      conditional: 0,
      rehashed: 0,
      captured: 2,
      reset: 1,
      none: 2,
    });
    expect(users('kratos')).toMatchObject({ captured: 0, reset: 1, none: 2 });
    expect(report.targets.zitadel?.carried.recent).toBe(2);
    expect(report.targets.zitadel?.captured.recent).toBe(0);
    expect(report.translatable.zitadel).toEqual({ users: 2 / 5, recent: 1 });
  });

  test('names whom a configured target cannot take, and why', async () => {
    const bounds = { write: 'bcrypt', cost: [4, 9] } as const;
    const totp = { algorithms: ['SHA1'], digits: [6], periodSeconds: [30] } as const;
    const deps = depsFor(sql(PEOPLE), { readers: [{ name: 'main', accepts: [bounds], totp }] });
    const report = await runSurvey(deps);
    await deps.directory.close();
    expect(finding(report, 'password_out_of_bounds@main')).toMatchObject({
      users: 2,
      examples: ['shop:1', 'shop:3'],
    });
    expect(finding(report, 'password_needs_capture@main')).toMatchObject({ users: 2, severity: 'tells' });
    expect(finding(report, 'password_needs_reset@main')).toMatchObject({ users: 1, examples: ['shop:6'] });
    expect(finding(report, 'totp_not_supported@main')).toBeUndefined();
  });

  test('goes on where it was cut off, and counts nobody twice', async () => {
    const many: Person[] = Array.from({ length: 2_600 }, (_, i) => [
      `p${i}`,
      `p${i % 2_599}@example.com`,
      'P',
      BCRYPT,
      null,
    ]);
    const whole = depsFor(sql(many));
    const text = sql(many);
    const cut = depsFor(text);
    let seen = 0;
    const failing = {
      ...cut,
      directory: {
        ...cut.directory,
        async *entries(after?: string) {
          for await (const entry of cut.directory.entries!(after)) {
            seen += 1;
            if (seen > 1_700) throw new Error('the power is gone');
            yield entry;
          }
        },
      },
    };
    await expect(runSurvey(failing)).rejects.toThrow('the power is gone');
    const progress: Progress[] = [];
    const report = await runSurvey(cut, { onProgress: (told) => progress.push(told) });
    expect(progress[0]).toMatchObject({ continuedFrom: 1_000, total: 2_600 });
    expect(report.users).toBe(2_600);
    expect(finding(report, 'id_repeated')).toBeUndefined();
    expect(finding(report, 'login_shared')).toMatchObject({ users: 2 });
    await Promise.all([cut.directory.close(), whole.directory.close()]);
  });

  test('begins afresh when told to, and when the settings are others', async () => {
    const deps = depsFor(sql(PEOPLE));
    const stopped = {
      ...deps,
      directory: {
        ...deps.directory,
        // biome-ignore lint/correctness/useYield: it ends before there is anything
        async *entries(): ReturnType<NonNullable<SurveyDeps['directory']['entries']>> {
          throw new Error('stopped');
        },
      },
    };
    for (const again of [{ restart: true }, {}]) {
      await expect(runSurvey(stopped)).rejects.toThrow('stopped');
      const other = again.restart ? deps : { ...deps, settingsFingerprint: fingerprint('others') };
      expect((await runSurvey(other, again)).users).toBe(PEOPLE.length);
    }
    await deps.directory.close();
  });

  test('notices that another one is running', async () => {
    const deps = depsFor(sql(PEOPLE));
    const first = {
      ...deps,
      directory: {
        ...deps.directory,
        async *entries(after?: string) {
          yield* deps.directory.entries!(after);
          await runSurvey(deps, { restart: true });
        },
      },
    };
    await expect(runSurvey(first)).rejects.toMatchObject({ code: 'survey_running' });
    await deps.directory.close();
  });

  test('of an empty store says so', async () => {
    const deps = depsFor(sql([]));
    const report = await runSurvey(deps);
    expect(report.users).toBe(0);
    expect(reportText(report)).toContain('0 users');
    expect(reportPage(report)).toContain('Nothing was found');
    await deps.directory.close();
  });

  test('counts who cannot be mapped, with the reason, and goes on', async () => {
    const deps = depsFor(
      sql(PEOPLE).replace("'emil@example.com', 'Emil', '!'", "'emil@example.com', 'Emil', '!'"),
    );
    const broken = {
      ...deps,
      directory: openStores(
        legacyStores.parse({
          store: 'shop',
          sql: { engine: 'sqlite', file: stores.at(-1)!.file, table: 'people', login: ['login'] },
          mapping: { username: 'login', disabled: { column: 'given', truthy: true } },
        }),
      ),
      settingsFingerprint: fingerprint('broken'),
    };
    const report = await runSurvey(broken);
    expect(report.users).toBe(PEOPLE.length);
    expect(report.unmappable).toEqual([
      { reason: 'given says neither yes nor no', count: 6, examples: expect.arrayContaining(['shop:1']) },
    ]);
    await Promise.all([deps.directory.close(), broken.directory.close()]);
  });

  test('keeps to the rate it is given', async () => {
    const deps = depsFor(sql(PEOPLE));
    const startedMs = performance.now();
    await runSurvey(deps, { rate: 20 });
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual((PEOPLE.length / 20) * 1_000 - 5);
    await deps.directory.close();
  });
});

describe('the report', () => {
  test('holds no hash, no name and no address, in any of its forms, nor do its rows', async () => {
    const deps = depsFor(sql(PEOPLE));
    const report = await runSurvey(deps);
    await deps.directory.close();
    const forms = [JSON.stringify(report), reportText(report), reportPage(report)];
    for (const form of forms)
      for (const secret of [BCRYPT, SHA1, 'anna@example.com', 'Dora']) expect(form).not.toContain(secret);
    expect(await lastReport(db, 'legacy')).toEqual(JSON.parse(JSON.stringify(report)));
  });

  test('is one page that loads nothing, with the figures of its bars in words', async () => {
    const deps = depsFor(sql(PEOPLE));
    const page = reportPage(await runSurvey(deps));
    await deps.directory.close();
    expect(page).not.toMatch(/<script|src=|url\(|@import|href=/);
    expect(page).toContain("default-src 'none'");
    expect(page).toMatch(/aria-label="carried 28\.6 %[^"]*"/);
  });
});
