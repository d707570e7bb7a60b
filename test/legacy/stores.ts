/** Real stores of real frameworks, the mapping of `example/legacy` for each, and what should come out. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'vitest';
import { parse } from 'yaml';
import type { Directory } from '../../src/legacy/directory.ts';
import { openDirectory } from '../../src/legacy/directory.ts';
import type { LegacySettings } from '../../src/legacy/legacy-settings.ts';
import { legacySettings } from '../../src/legacy/legacy-settings.ts';
import type { LegacyEntry } from '../../src/user.ts';

const ROOT = join(import.meta.dirname, '..', '..');

export const fixture = (name: string) => readFileSync(join(import.meta.dirname, 'fixtures', name), 'utf8');

/** What the framework itself knows of a person. */
export interface Expected {
  readonly id: string | number | null;
  readonly username: string;
  readonly email: string | null;
  readonly first: string;
  readonly last: string;
  readonly verified: boolean;
  readonly active: boolean;
  readonly locked: boolean;
  readonly admin?: boolean;
  readonly password: string | null;
  readonly algorithm: string;
  readonly totp?: { secret_hex: string; digits: number; period: number; algorithm: string } | null;
  readonly username_stored?: string | null;
  readonly email_stored?: string | null;
}

export const expected = (store: string): Expected[] => JSON.parse(fixture(`${store}.expect.json`)).users;

/** The example's settings, with `${…}` filled in and the engine changed where the test has another. */
export function exampleSettings(
  name: string,
  env: Record<string, string>,
  sql: Record<string, unknown> = {},
): LegacySettings {
  const text = readFileSync(join(ROOT, 'example', 'legacy', `${name}.yaml`), 'utf8');
  const { legacy } = parse(text.replace(/\$\{(\w+)\}/g, (_all, key: string) => env[key] ?? ''));
  const changed = { ...legacy.sql, ...sql };
  if (changed.engine === 'sqlite') delete changed.connection;
  return legacySettings.parse({ ...legacy, sql: changed });
}

export interface Store {
  readonly file: string;
  drop(): void;
}

export function sqliteStore(sql: string): Store {
  const folder = mkdtempSync(join(tmpdir(), 'footbridge-legacy-'));
  const file = join(folder, 'store.sqlite3');
  // A dump names tables before it makes them.
  const db = new DatabaseSync(file, { enableForeignKeyConstraints: false });
  db.exec(sql);
  db.close();
  return { file, drop: () => rmSync(folder, { recursive: true, force: true }) };
}

export async function entry(directory: Directory, login: string): Promise<LegacyEntry> {
  const found = await directory.findByLogin(login);
  if (!found) throw new Error(`nobody answers to ${login}`);
  return found;
}

export interface Differences {
  /** What this store has no column for. */
  readonly unknown?: readonly ('verified' | 'locked' | 'admin' | 'totp')[];
  readonly adminRole?: string;
}

/** Everything a user is made of, field by field. */
export function expectUser(
  { user, credentials }: LegacyEntry,
  person: Expected,
  store: string,
  differences: Differences = {},
) {
  const { unknown = [], adminRole = 'admin' } = differences;
  const email = (person.email_stored === undefined ? person.email : person.email_stored)?.trim() || undefined;
  const has = (what: (typeof unknown)[number]) => !unknown.includes(what);
  expect(user).toMatchObject({
    sub: `${store}:${person.id}`,
    legacyId: String(person.id),
    username: person.username_stored ?? person.username,
    givenName: person.first || '-',
    familyName: person.last || '-',
    emailVerified: has('verified') && person.verified && email !== undefined,
    state: !person.active ? 'disabled' : has('locked') && person.locked ? 'locked' : 'active',
  });
  expect(user.email).toBe(email);
  if (has('admin')) expect(user.roles.includes(adminRole)).toBe(person.admin ?? false);
  if (!has('totp')) return;
  const totp = credentials.totp && {
    secret_hex: Buffer.from(credentials.totp.secret).toString('hex'),
    digits: credentials.totp.digits,
    period: credentials.totp.periodSeconds,
    algorithm: credentials.totp.algorithm,
  };
  const { secret_hex, digits, period, algorithm } = person.totp ?? {};
  expect(totp).toEqual(person.totp ? { secret_hex, digits, period, algorithm } : undefined);
}

export { openDirectory };
