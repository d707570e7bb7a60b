/** Small stores as frameworks make them, one folder of fixtures: their tables per engine, and who should come out. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { parse } from 'yaml';
import { passwordSettings } from '../../src/credentials/password-settings.ts';
import { openPasswords } from '../../src/credentials/passwords.ts';
import type { Directory } from '../../src/legacy/directory.ts';
import { legacyStores } from '../../src/legacy/legacy-settings.ts';
import { writeOut } from '../../src/legacy/shorthand.ts';
import { openStores } from '../../src/legacy/stores.ts';
import type { LegacyEntry } from '../../src/user.ts';
import { survey } from './counted.ts';
import { entry } from './stores.ts';

const FOLDER = join(import.meta.dirname, 'fixtures', 'presets');
const FILES = readdirSync(FOLDER);
export type PresetEngine = 'sqlite' | 'postgresql' | 'mysql';

const PASSWORD = 'Tr0ub4dor&3-Legacy';

interface Person {
  readonly login: string;
  /** Absent: nobody answers to this login. `null`: absent. */
  readonly user?: Readonly<Record<string, unknown>>;
  /** Where the order is the store's own. */
  readonly roles?: readonly string[];
  /** Whether the password opens the account; absent: not asked. */
  readonly opens?: boolean;
  /** The seed in hex. */
  readonly totp?: string;
  readonly recoveryCodes?: number;
  readonly passkeys?: readonly object[];
  readonly links?: readonly object[];
  /** The engine that compares in another way. */
  readonly unlike?: PresetEngine;
}

export interface PresetStore {
  readonly name: string;
  readonly people: readonly Person[];
  readonly users: number;
  readonly sql: string;
  open(url: string): Directory;
}

const read = (file: string) => (FILES.includes(file) ? readFileSync(join(FOLDER, file), 'utf8') : '');

/** Every store that has tables for this engine. */
export function presetStores(engine: PresetEngine): PresetStore[] {
  const names = FILES.filter((file) => file.endsWith(`.${engine}.sql`)).map((file) => file.split('.', 1)[0]!);
  return names.map((name) => {
    const { legacy, users, people, ...others } = parse(read(`${name}.yaml`));
    return {
      name,
      users,
      people: people.filter(({ unlike }: Person) => unlike !== engine),
      sql: read(`${name}.${engine}.sql`) + read(`${name}.rows.sql`),
      open: (url) =>
        openStores(legacyStores.parse(writeOut({ connector: 'sql', url, ...legacy, ...others[engine] }))),
    };
  });
}

const passwords = openPasswords(passwordSettings.parse({ slots: 1 }));
export const closePasswords = () => passwords.close();

export async function expectPerson(directory: Directory, person: Person): Promise<void> {
  if (!person.user) {
    expect(await directory.findByLogin(person.login)).toBeUndefined();
    return;
  }
  const found = await entry(directory, person.login);
  expect(await directory.findBySub(found.user.sub)).toEqual(found);
  for (const [claim, value] of Object.entries(person.user))
    expect([claim, found.user[claim as keyof LegacyEntry['user']] ?? null]).toEqual([claim, value]);
  if (person.roles) expect([...found.user.roles].sort()).toEqual([...person.roles].sort());
  await expectCredentials(found, person);
}

async function expectCredentials({ credentials }: LegacyEntry, person: Person): Promise<void> {
  if (person.opens === undefined) return;
  const { totp, furtherTotp, recoveryCodes = [], passkeys = [], identityProviderLinks = [] } = credentials;
  expect(furtherTotp).toBeUndefined();
  expect(totp && Buffer.from(totp.secret).toString('hex')).toBe(person.totp);
  expect(recoveryCodes).toHaveLength(person.recoveryCodes ?? 0);
  expect(passkeys).toMatchObject(person.passkeys ?? []);
  expect(identityProviderLinks).toEqual(person.links ?? []);
  const tried = async (password: string) =>
    Promise.all(
      credentials.passwords.map(async (stored) => (await passwords.verify(stored, password)).verified),
    );
  expect((await tried(PASSWORD)).includes(true)).toBe(person.opens);
  expect(await tried(`${PASSWORD}x`)).not.toContain(true);
}

/** The whole store is read, page by page, and nobody in it is beyond the mapping. */
export async function expectAll(directory: Directory, store: PresetStore): Promise<void> {
  expect(await survey(directory.entries!())).toMatchObject({ users: store.users, unmappable: {} });
}
