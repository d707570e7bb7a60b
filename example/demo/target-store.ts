/** The target's own user store, in its own PostgreSQL database: nothing in it points back to the shop's. */
import { randomInt } from 'node:crypto';
import type { Database } from './database.ts';
import { openDatabase, sqlState, UNIQUE_VIOLATION } from './database.ts';
import type { Log } from './web.ts';
import { newToken, tokenDigest, WebError } from './web.ts';

const SCHEMA = `
create table if not exists users (
  id              text primary key,
  username        text not null,
  given_name      text not null,
  family_name     text not null,
  display_name    text not null,
  email           text not null,
  email_verified  boolean not null,
  phone           text not null default '',
  locale          text not null default '',
  roles           text[] not null default '{}',
  origin          text not null,
  password_hash   text,
  password_chosen boolean not null default false,
  note            text,
  totp_seed       text,
  totp_step       bigint not null default 0,
  totp_failures   integer not null default 0,
  totp_locked     timestamptz,
  factor_missing  boolean not null default false,
  created_at      timestamptz not null default now(),
  moved_at        timestamptz
);
create unique index if not exists users_username on users (lower(username));
create table if not exists idp_links (
  idp_id      text not null,
  external_id text not null,
  user_id     text not null references users on delete cascade,
  user_name   text not null,
  primary key (idp_id, external_id),
  unique (idp_id, user_id)
);
create table if not exists sessions (
  token      char(64) primary key,
  user_id    text not null references users on delete cascade,
  methods    text[] not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);`;

export const TARGET_SESSION_SECONDS = 8 * 3600;
/** The lock is on the factor, so that a right password does not lift it. */
const TOTP_FAILURES = 5;
const TOTP_LOCK_SECONDS = 60;
/** The page "what I know" shows this many. */
const MAX_LISTED = 200;

export interface TargetUser {
  readonly id: string;
  readonly username: string;
  readonly given_name: string;
  readonly family_name: string;
  readonly display_name: string;
  readonly email: string;
  readonly email_verified: boolean;
  readonly phone: string;
  readonly locale: string;
  readonly roles: readonly string[];
  readonly origin: 'first login' | 'import';
  readonly password_hash: string | null;
  /** Chosen here, because the old one could not come along. */
  readonly password_chosen: boolean;
  /** Why something did not come along. */
  readonly note: string | null;
  /** There is a second factor in the old system that could not come along: no password until it does. */
  readonly factor_missing: boolean;
  readonly totp_seed: string | null;
  readonly created_at: Date;
  readonly moved_at: Date | null;
}

export type NewUser = Pick<
  TargetUser,
  | 'username'
  | 'given_name'
  | 'family_name'
  | 'display_name'
  | 'email'
  | 'email_verified'
  | 'phone'
  | 'locale'
  | 'origin'
> & { readonly id?: string };

export interface Link {
  readonly idpId: string;
  readonly externalId: string;
  readonly userName: string;
}

export interface ListedUser extends TargetUser {
  readonly external_id: string | null;
  readonly sessions: number;
}

export interface TargetSession {
  readonly user: TargetUser;
  readonly methods: readonly string[];
  readonly createdAt: Date;
}

/** What came along with a user; `undefined` leaves it as it is. */
export interface Belongings {
  readonly passwordHash?: string;
  readonly passwordChosen?: boolean;
  readonly note?: string | null;
  readonly factorMissing?: boolean;
  readonly totpSeed?: string;
  readonly roles?: readonly string[];
  /** Since when everything is here. */
  readonly movedAt?: Date;
}

export interface TargetStore {
  prepare(): Promise<void>;
  /** All or nothing. Throws `WebError` 409 for a taken username, 400 for a taken id, as ZITADEL does. */
  create(user: NewUser, belongings: Belongings, link?: Link): Promise<TargetUser>;
  bring(userId: string, belongings: Belongings): Promise<void>;
  userById(id: string): Promise<TargetUser | undefined>;
  userByName(username: string): Promise<TargetUser | undefined>;
  userByLink(idpId: string, externalId: string): Promise<TargetUser | undefined>;
  /** The user's only link to this provider. */
  linkOf(idpId: string, userId: string): Promise<Link | undefined>;
  users(): Promise<ListedUser[]>;
  /** True once per time step and user; five wrong ones lock the factor for a minute. */
  acceptTotpStep(userId: string, step: number | undefined): Promise<boolean>;
  openSession(userId: string, methods: readonly string[]): Promise<string>;
  session(token: string): Promise<TargetSession | undefined>;
  endSession(token: string): Promise<void>;
  close(): Promise<void>;
}

export function openTargetStore(url: string, log: Log): TargetStore {
  const db = openDatabase(url, log);
  const one = async (condition: string, values: readonly unknown[]) =>
    (await db.query<TargetUser>(`select users.* from users ${condition}`, values))[0];
  return {
    async prepare() {
      await db.transaction(async (query) => {
        await query('select pg_advisory_xact_lock(20260101)');
        await query(SCHEMA);
      });
    },
    create: (user, belongings, link) => create(db, { user, belongings, link }),
    bring: (userId, belongings) => bring(db.query, userId, belongings),
    userById: (id) => one('where id = $1', [id]),
    userByName: (username) => one('where lower(username) = lower($1)', [username]),
    userByLink: (idpId, externalId) =>
      one('join idp_links on user_id = id where idp_id = $1 and external_id = $2', [idpId, externalId]),
    async linkOf(idpId, userId) {
      const [row] = await db.query<{ external_id: string; user_name: string }>(
        'select external_id, user_name from idp_links where idp_id = $1 and user_id = $2',
        [idpId, userId],
      );
      return row && { idpId, externalId: row.external_id, userName: row.user_name };
    },
    users: () =>
      db.query<ListedUser>(
        `select users.*, external_id,
           (select count(*)::int from sessions s where s.user_id = id and s.expires_at > now()) as sessions
         from users left join idp_links on user_id = id order by created_at desc limit $1`,
        [MAX_LISTED],
      ),
    acceptTotpStep: (userId, step) => acceptTotpStep(db, userId, step),
    ...sessions(db),
    close: () => db.close(),
  };
}

function sessions(db: Database): Pick<TargetStore, 'openSession' | 'session' | 'endSession'> {
  return {
    async openSession(userId, methods) {
      const token = newToken();
      await db.query('delete from sessions where expires_at < now()');
      await db.query(
        'insert into sessions (token, user_id, methods, expires_at) values ($1, $2, $3, now() + make_interval(secs => $4))',
        [tokenDigest(token), userId, methods, TARGET_SESSION_SECONDS],
      );
      return token;
    },
    async session(token) {
      const [row] = await db.query<TargetUser & { methods: string[]; opened_at: Date }>(
        `select users.*, methods, s.created_at as opened_at from sessions s join users on users.id = s.user_id
         where token = $1 and expires_at > now()`,
        [tokenDigest(token)],
      );
      return row && { user: row, methods: row.methods, createdAt: row.opened_at };
    },
    async endSession(token) {
      await db.query('delete from sessions where token = $1', [tokenDigest(token)]);
    },
  };
}

/** ZITADEL's ids are long decimal numbers. */
const newUserId = () => `${randomInt(1e8, 1e9)}${randomInt(1e8, 1e9)}`;

async function create(
  db: Database,
  { user, belongings, link }: { user: NewUser; belongings: Belongings; link: Link | undefined },
): Promise<TargetUser> {
  const id = user.id ?? newUserId();
  try {
    return await db.transaction(async (query) => {
      await query(
        `insert into users (id, username, given_name, family_name, display_name, email, email_verified, phone, locale, origin)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
        [
          ...[id, user.username, user.given_name, user.family_name, user.display_name],
          ...[user.email, user.email_verified, user.phone, user.locale, user.origin],
        ],
      );
      if (link) {
        await query(
          'insert into idp_links (idp_id, external_id, user_id, user_name) values ($1, $2, $3, $4)',
          [...[link.idpId, link.externalId, id, link.userName]],
        );
      }
      await bring(query, id, belongings);
      const [created] = await query<TargetUser>('select * from users where id = $1', [id]);
      return created!;
    });
  } catch (error) {
    throw duplicate(error) ?? error;
  }
}

function duplicate(error: unknown): WebError | undefined {
  if (sqlState(error) !== UNIQUE_VIOLATION) return undefined;
  switch ((error as { constraint?: string }).constraint) {
    case 'users_username':
      return new WebError(409, 'V3-DKcYh', 'User already exists');
    case 'users_pkey':
      return new WebError(400, 'COMMAND-k2unb', 'Errors.User.AlreadyExisting');
    default:
      return new WebError(409, 'link_taken', 'This external user is linked to somebody already.');
  }
}

const COLUMNS: Readonly<Record<keyof Belongings, string>> = {
  passwordHash: 'password_hash',
  passwordChosen: 'password_chosen',
  note: 'note',
  totpSeed: 'totp_seed',
  factorMissing: 'factor_missing',
  roles: 'roles',
  movedAt: 'moved_at',
};

async function bring(query: Database['query'], userId: string, belongings: Belongings): Promise<void> {
  const names = (Object.keys(COLUMNS) as (keyof Belongings)[]).filter(
    (name) => belongings[name] !== undefined,
  );
  if (names.length === 0) return;
  const changes = names.map((name, at) => `${COLUMNS[name]} = $${at + 2}`);
  const values = names.map((name) => belongings[name]);
  await query(`update users set ${changes.join(', ')} where id = $1`, [userId, ...values]);
}

async function acceptTotpStep(db: Database, userId: string, step: number | undefined): Promise<boolean> {
  // A code is good once: the step has to be later than the last one that was used.
  const accepted = await db.query(
    `update users set totp_step = $2, totp_failures = 0
     where id = $1 and totp_step < $2 and coalesce(totp_locked < now(), true) returning id`,
    [userId, step ?? 0],
  );
  if (accepted.length > 0) return true;
  await db.query(
    `update users set
       totp_failures = case when totp_failures + 1 >= $2 then 0 else totp_failures + 1 end,
       totp_locked = case when totp_failures + 1 >= $2 then now() + make_interval(secs => $3) else totp_locked end
     where id = $1`,
    [userId, TOTP_FAILURES, TOTP_LOCK_SECONDS],
  );
  return false;
}
