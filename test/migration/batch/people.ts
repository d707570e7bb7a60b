/** A legacy store of as many people as a test wants: a table in a PostgreSQL of its own, filled by one statement. */
import { legacySettings } from '../../../src/legacy/legacy-settings.ts';
import { execute } from '../../support/database.ts';

/** bcrypt of `pass-<n>` would take an hour: of these only the form is right, and each is another. */
const HASH = `'$2b$10$' || rpad(translate(md5(n::text), '0', 'A'), 21, 'a') || 'O' || rpad(md5('h' || n), 30, 'b') || 'u'`;

export async function fillPeople(url: string, users: number): Promise<void> {
  await execute(
    url,
    `create table people (id int primary key, login text unique not null, email text not null, given text, family text,
       password text not null, last_login timestamptz, active boolean not null default true, moved int not null default 0)`,
  );
  await execute(
    url,
    `insert into people (id, login, email, given, family, password, last_login) select n, 'user' || n, 'user' || n || '@example.com', 'Given' || n, 'Family' || n, ${HASH},
       timestamptz '2026-01-01' - n * interval '1 minute' from generate_series(1, ${users}) n`,
  );
}

/** `sql`: what the connector’s settings have besides. */
export function legacyOf(url: string, sql: Record<string, unknown> = {}) {
  const input = legacyInput(url);
  return legacySettings.parse({ ...input, sql: { ...input.sql, ...sql } });
}

export const legacyInput = (url: string) => ({
  store: 'shop',
  sql: { engine: 'postgresql', connection: url, table: 'people', id: 'id', login: ['login', 'email'] },
  mapping: {
    username: 'login',
    email: 'email',
    emailVerified: { column: 'email', present: true },
    givenName: 'given',
    familyName: 'family',
    lastLogin: 'last_login',
    disabled: { column: 'active', equals: false },
    password: [{ format: 'bcrypt', columns: { hash: 'password' } }],
  },
});
