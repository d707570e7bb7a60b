/** The shop's own database: a schema that grew by hand since 2004, and the switch that takes it off the net. */
import pg from 'pg';
import type { Database } from './database.ts';
import { openDatabase } from './database.ts';
import type { HashKindName } from './hash-kinds.ts';
import { HASH_KINDS } from './hash-kinds.ts';
import type { Person } from './people.ts';
import type { Log } from './web.ts';
import { newToken, tokenDigest } from './web.ts';

const SCHEMA = `
create table if not exists customers (
  id            serial primary key,
  login         varchar(64) not null unique,
  email         varchar(120),
  pw            varchar(255) not null,
  pw_kind       varchar(20) not null,
  salt          varchar(40),
  first_name    varchar(60),
  last_name     varchar(60),
  phone         varchar(40),
  lang          varchar(10),
  role          varchar(20) not null default 'customer',
  confirmed_at  timestamptz,
  active        char(1) not null default 'Y',
  locked_until  timestamptz,
  otp_secret    varchar(64),
  moved         smallint not null default 0,
  changed_at    timestamptz not null default now()
);
-- Since 2011, by the nightly statistics.
alter table customers add column if not exists last_seen_at timestamptz;
create index if not exists customers_email on customers (lower(email));
create table if not exists shop_sessions (
  token       char(64) primary key,
  customer_id integer not null references customers on delete cascade,
  opened_by   varchar(20) not null,
  opened_at   timestamptz not null default now(),
  expires_at  timestamptz not null
);`;

/** A working day; a shop's basket should not outlive it. */
export const SHOP_SESSION_SECONDS = 8 * 3600;

export interface Customer {
  readonly id: number;
  readonly login: string;
  readonly email: string | null;
  readonly pw: string;
  readonly pw_kind: HashKindName;
  readonly salt: string | null;
  readonly first_name: string | null;
  readonly last_name: string | null;
  readonly role: string;
  readonly confirmed_at: Date | null;
  readonly active: string;
  readonly locked_until: Date | null;
  readonly otp_secret: string | null;
  /** Written by Footbridge, the only thing it ever writes here. */
  readonly moved: number;
}

export interface ShopSession {
  /** The shop's own name for it, which opens nothing. */
  readonly id: string;
  readonly customer: Customer;
  readonly openedBy: 'shop' | 'footbridge';
  readonly openedAt: Date;
}

export interface ShopStore {
  /** Makes the tables and fills them unless they are full already; how many people were added. */
  seed(people: readonly Person[]): Promise<number>;
  /** By login or email, whatever the case; of several the oldest, which is the kind of thing shops do. */
  customerByLogin(login: string): Promise<Customer | undefined>;
  customerById(id: number): Promise<Customer | undefined>;
  /** The token for the cookie. */
  openSession(customerId: number, openedBy: ShopSession['openedBy']): Promise<string>;
  session(token: string): Promise<ShopSession | undefined>;
  sessionById(id: string): Promise<ShopSession | undefined>;
  endSession(id: string): Promise<void>;
  endSessionsOf(customerId: number): Promise<void>;
  count(): Promise<{ customers: number; sessions: number }>;
  /** Asked of the server, not of the database itself. */
  isOn(): Promise<boolean>;
  switchTo(on: boolean): Promise<void>;
  close(): Promise<void>;
}

export interface ShopStoreOptions {
  readonly url: string;
  /** Another database of the same server, as somebody who may alter the shop's. */
  readonly adminUrl: string;
  readonly log: Log;
}

export function openShopStore({ url, adminUrl, log }: ShopStoreOptions): ShopStore {
  const shop = openDatabase(url, log);
  const admin = openDatabase(adminUrl, log);
  const name = decodeURIComponent(new URL(url).pathname.slice(1));
  const one = async (where: string, value: unknown) =>
    (await shop.query<Customer>(`select * from customers where ${where}`, [value]))[0];
  return {
    seed: (people) => seed(shop, people),
    customerByLogin: (login) =>
      one('lower(login) = lower($1) or lower(email) = lower($1) order by id limit 1', login),
    customerById: (id) => one('id = $1', id),
    async openSession(customerId, openedBy) {
      const token = newToken();
      await shop.query('delete from shop_sessions where expires_at < now()');
      await shop.query(
        `insert into shop_sessions (token, customer_id, opened_by, expires_at)
         values ($1, $2, $3, now() + make_interval(secs => $4))`,
        [tokenDigest(token), customerId, openedBy, SHOP_SESSION_SECONDS],
      );
      return token;
    },
    session: (token) => sessionBy(shop, tokenDigest(token)),
    sessionById: (id) => sessionBy(shop, id),
    async endSession(id) {
      await shop.query('delete from shop_sessions where token = $1', [id]);
    },
    async endSessionsOf(customerId) {
      await shop.query('delete from shop_sessions where customer_id = $1', [customerId]);
    },
    async count() {
      const [row] = await shop.query<{ customers: number; sessions: number }>(
        `select (select count(*)::int from customers) as customers,
                (select count(*)::int from shop_sessions where expires_at > now()) as sessions`,
      );
      return row!;
    },
    async isOn() {
      const [row] = await admin.query<{ datallowconn: boolean }>(
        'select datallowconn from pg_database where datname = $1',
        [name],
      );
      return row?.datallowconn ?? false;
    },
    async switchTo(on) {
      await admin.query(`alter database ${pg.escapeIdentifier(name)} allow_connections ${on}`);
      if (!on)
        await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [
          name,
        ]);
      log(`the shop's database ${name} is switched ${on ? 'on' : 'off'}`);
    },
    async close() {
      await Promise.all([shop.close(), admin.close()]);
    },
  };
}

async function sessionBy(shop: Database, id: string): Promise<ShopSession | undefined> {
  const [row] = await shop.query<Customer & { opened_by: ShopSession['openedBy']; opened_at: Date }>(
    `select c.*, s.opened_by, s.opened_at from shop_sessions s join customers c on c.id = s.customer_id
     where s.token = $1 and s.expires_at > now() and c.active = 'Y'`,
    [id],
  );
  return row && { id, customer: row, openedBy: row.opened_by, openedAt: row.opened_at };
}

const COLUMNS = [
  ...['id', 'login', 'email', 'pw', 'pw_kind', 'salt', 'first_name', 'last_name', 'phone'],
  ...['lang', 'role', 'confirmed_at', 'active', 'locked_until', 'otp_secret', 'last_seen_at'],
];

async function seed(shop: Database, people: readonly Person[]): Promise<number> {
  // Two starts at once must not both create: 'create … if not exists' alone is no protection.
  return shop.transaction(async (query) => {
    await query('select pg_advisory_xact_lock(20040401)');
    await query(SCHEMA);
    const present = new Set((await query<{ id: number }>('select id from customers')).map(({ id }) => id));
    const missing = people.filter(({ id }) => !present.has(id));
    const places = COLUMNS.map((_, at) => `$${at + 1}`).join(', ');
    for (const person of missing) {
      await query(`insert into customers (${COLUMNS.join(', ')}) values (${places})`, await rowOf(person));
    }
    await query(`select setval('customers_id_seq', greatest((select max(id) from customers), 1))`);
    return missing.length;
  });
}

async function rowOf(person: Person): Promise<unknown[]> {
  const { pw, salt } = await HASH_KINDS[person.kind].make(person.password);
  return [
    ...[
      person.id,
      person.login,
      person.email,
      pw,
      person.kind,
      salt,
      person.givenName,
      person.familyName,
      person.phone,
    ],
    ...[person.language, person.role, person.emailConfirmed ? '2019-05-04T10:00:00Z' : undefined],
    ...[person.active ? 'Y' : 'N', person.lockedUntil, person.otpSeed, lastSeen(person)],
  ];
}

const DAY_MS = 86_400_000;
const lastSeen = ({ seenDaysAgo }: Person) =>
  seenDaysAgo === undefined ? undefined : new Date(Date.now() - seenDaysAgo * DAY_MS);
