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
import { writeOut } from '../../src/legacy/shorthand.ts';
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
  readonly recovery_codes?: readonly string[];
  readonly passkeys?: readonly ExpectedPasskey[];
  readonly username_stored?: string | null;
  readonly email_stored?: string | null;
}

export interface ExpectedPasskey {
  readonly rp_id: string;
  readonly credential_id: string;
  readonly public_key_cose: string;
  readonly private_key_pem: string;
  readonly sign_count: number;
  readonly transports: readonly string[];
  readonly user_handle: string;
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
  const written = writeOut(legacy) as { sql: Record<string, unknown> };
  const changed = { ...written.sql, ...sql };
  if (changed.engine === 'sqlite') delete changed.connection;
  return legacySettings.parse({ ...written, sql: changed });
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
  readonly unknown?: readonly ('verified' | 'locked' | 'admin' | 'totp' | 'recoveryCodes' | 'transports')[];
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
  expect(
    (credentials.passkeys ?? []).map(({ publicKey, ...rest }) => ({
      ...rest,
      publicKey: base64url(publicKey),
    })),
  ).toEqual(
    (person.passkeys ?? []).map((passkey) => ({
      credentialId: passkey.credential_id,
      publicKey: passkey.public_key_cose,
      signCount: passkey.sign_count,
      transports: has('transports') ? passkey.transports : [],
      rpId: passkey.rp_id,
    })),
  );
  const codes = has('recoveryCodes') ? (person.recovery_codes ?? []) : [];
  const found = credentials.recoveryCodes ?? [];
  expect(found).toHaveLength(codes.length);
  // Hashed ones are opened in a test of their own.
  expect(found.flatMap((one) => ('code' in one ? one.code : []))).toEqual(
    found.some((one) => 'hash' in one) ? [] : codes,
  );
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

const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');

export { openDirectory };
