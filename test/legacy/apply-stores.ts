/** Databases with people in them that sync writes to. */
import type { ApplyStore } from './apply-contract.ts';

/** The columns differ from ours in every way that the settings can say. `now`: the type of a moment. */
export const APPLY_SQL = (types: { readonly moment: string; readonly yes: string }) => `
create table people (id integer primary key, login varchar(100) not null, email varchar(100) unique, verified_at ${types.moment},
  phone varchar(100) not null default '', phone_ok ${types.yes}, full_name varchar(100), given varchar(100),
  family varchar(100), nick varchar(100) not null default '', lang integer, status char(1) not null, roles varchar(500),
  hash varchar(100));
insert into people (id, login, email, phone, phone_ok, full_name, given, family, nick, lang, status, roles) values
  (1, 'anna', 'anna@example.com', '+49 30 1234567', '0', 'Anna A.', 'Anna', 'Alt', 'ann', 1, 'A', 'author,editor'),
  (2, 'bob', 'bob@example.com', '', '0', 'Bob B.', 'Bob', 'Blau', '', 2, 'D', null);
`;

export const sqlApply = {
  username: 'login',
  email: 'email',
  emailVerified: { column: 'verified_at', values: { true: 'now', false: null } },
  phoneNumber: { column: 'phone', none: '' },
  phoneNumberVerified: { column: 'phone_ok', values: { true: 1, false: 0 } },
  name: 'full_name',
  givenName: 'given',
  familyName: 'family',
  nickname: { column: 'nick', none: '' },
  locale: 'lang',
  state: { column: 'status', values: { active: 'A', disabled: 'D' } },
  roles: 'roles',
  password: { column: 'hash', format: 'bcrypt' },
  remove: { statement: 'delete from people where id = :id' },
};

export const sqlMapping = {
  username: 'login',
  email: 'email',
  emailVerified: { column: 'verified_at', past: true },
  phoneNumber: 'phone',
  phoneNumberVerified: 'phone_ok',
  name: 'full_name',
  givenName: 'given',
  familyName: 'family',
  nickname: 'nick',
  locale: { column: 'lang', transform: [{ map: { 1: 'de', 2: 'en' } }] },
  disabled: { column: 'status', equals: 'D' },
  roles: { column: 'roles', transform: [{ split: ',' }] },
  password: [{ format: 'bcrypt', columns: { password: 'hash' } }],
};

export interface SqlReach {
  readonly settings: Record<string, unknown>;
  execute(sql: string): Promise<readonly Record<string, unknown>[]>;
  drop(): void | Promise<void>;
}

export function sqlApplyStore({ settings, execute, drop }: SqlReach): ApplyStore {
  return {
    settings: {
      sql: { table: 'people', login: ['login'], apply: sqlApply, ...settings },
      mapping: sqlMapping,
      timeoutMs: 10_000,
    },
    rename: async (id, givenName) => {
      await execute(`update people set given = '${givenName}' where id = ${id}`);
    },
    password: async (id) => (await execute(`select hash from people where id = ${id}`))[0]?.hash,
    drop,
  };
}
