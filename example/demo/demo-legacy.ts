/** The demo's shop in the words of Footbridge's configuration: an example of a mapping for a schema grown by hand. */
import type { z } from 'zod';
import type { legacySettings } from '../../src/legacy/legacy-settings.ts';
import type { HashKind } from './hash-kinds.ts';
import { HASH_KINDS } from './hash-kinds.ts';

export type LegacyConfig = z.input<typeof legacySettings>;

/** The value of `legacy:`; `shopUrl` is the connection to the shop's database. */
export function demoLegacySettings(shopUrl: string): LegacyConfig {
  return {
    store: 'shop',
    sql: {
      engine: 'postgresql',
      connection: shopUrl,
      table: 'customers',
      id: 'id',
      // As the shop compares, without its habit of taking the first of several.
      queries: {
        byLogin: 'select * from customers where lower(login) = lower(:login) or lower(email) = lower(:login)',
      },
      flag: { statement: 'update customers set moved = :migrated where id = :id' },
    },
    mapping: {
      login: ['login', 'email'],
      username: 'login',
      email: 'email',
      emailVerified: { column: 'confirmed_at', present: true },
      phoneNumber: 'phone',
      givenName: 'first_name',
      familyName: 'last_name',
      locale: 'lang',
      lastLogin: 'last_seen_at',
      updatedAt: 'changed_at',
      disabled: { column: 'active', equals: 'N' },
      locked: { column: 'locked_until', future: true },
      roles: 'role',
      // The shop wrote down how it hashed each password, so nothing has to be guessed.
      password: Object.entries(HASH_KINDS).map(passwordMapping),
      totp: { secret: 'otp_secret', when: { column: 'otp_secret', present: true } },
    },
  };
}

function passwordMapping([name, { format, column }]: [string, HashKind]) {
  return {
    format,
    columns: { [column]: 'pw', ...(name === 'md5salt' && { salt: 'salt' }) },
    when: { column: 'pw_kind', equals: name },
  };
}
