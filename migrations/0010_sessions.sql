-- Sessions side by side: who is logged in where, what ends, and who still has to be told.

-- Sessions at legacy apps: those that we made at a login, those that we recognised, and those that could not be made.
create table legacy_sessions (
  id bytea primary key,                      -- MAC of the app and its handle; of app and login where there is none yet
  app text not null,
  sub text not null,
  op_session bytea,                          -- as oidc_records.uid of the provider's session; null: none yet, or none any more
  shared_with bytea[] not null default '{}', -- further ones of the same person that it has let in, in other browsers
  login bytea,                               -- the login that made it, until the provider has a session for it
  origin text not null,                      -- created, recognised
  handle text,                               -- what the app calls it, sealed; null: it is ended by naming the person
  auth_time timestamptz,
  amr text[] not null default '{}',
  created_at timestamptz not null default now(),
  seen_at timestamptz not null default now(), -- used last, as far as we know
  checked_at timestamptz not null default now(),
  expires_at timestamptz not null,           -- it is of no use to anybody after this
  attempts int not null default 0,
  problem text,                              -- why there is none, or why it could not be asked about
  ended_at timestamptz,
  ended_by uuid,
  over_at timestamptz                        -- the app itself has said that it is over
) with (fillfactor = 70);
create index legacy_sessions_op on legacy_sessions (op_session) where op_session is not null;
create index legacy_sessions_shared on legacy_sessions using gin (shared_with);
create index legacy_sessions_login on legacy_sessions (login) where login is not null;
create index legacy_sessions_sub on legacy_sessions (sub);
create index legacy_sessions_check on legacy_sessions (app, checked_at) where ended_at is null and problem is null;
create index legacy_sessions_expiry on legacy_sessions (expires_at);

-- Sessions at targets, as their events or a search tell of them.
create table target_sessions (
  target text not null,
  id text not null,                          -- the target's own
  target_user_id text not null,
  sub text,
  op_session bytea,                          -- the provider's session it came from, where that is certain
  started_at timestamptz not null,
  seen_at timestamptz not null default now(),
  ended_at timestamptz,
  ended_by uuid,
  primary key (target, id)
) with (fillfactor = 70);
create index target_sessions_sub on target_sessions (sub) where ended_at is null;
create index target_sessions_op on target_sessions (op_session) where op_session is not null;
create index target_sessions_seen on target_sessions (target, seen_at);

-- What ended, and why.
create table session_endings (
  id uuid primary key,
  cause text not null,
  actor text not null,
  scope text not null,                       -- session, person
  sub text,                                  -- null: of many
  ended jsonb not null default '{}',         -- how many sessions of which kind
  created_at timestamptz not null default now()
);
create index session_endings_sub on session_endings (sub, created_at);
create index session_endings_created on session_endings (created_at);

-- Who has to be told of it: clients by a logout token, legacy apps, targets. A row stays until that is done or given up.
create table logout_deliveries (
  id bigint generated always as identity primary key,
  ending uuid not null,
  kind text not null,                        -- client, legacy, target
  name text not null,                        -- the client's id, the app's or target's name
  sub text not null,
  handle text,                               -- client: its sid; legacy: the sealed handle; target: the session's id
  lane smallint not null default 0,          -- 0: somebody waits for it; 1: one of many
  attempts int not null default 0,
  due_at timestamptz not null default now(), -- infinity: given up, until an operator asks again
  lease text,
  leased_until timestamptz,
  problem jsonb,                             -- code and sentence of the last failure
  created_at timestamptz not null default now(),
  done_at timestamptz
) with (fillfactor = 70);
create index logout_deliveries_due on logout_deliveries (kind, name, lane, due_at) where done_at is null;
create index logout_deliveries_ending on logout_deliveries (ending);
create index logout_deliveries_created on logout_deliveries (created_at);

-- People with sessions, who are looked up in the legacy store from time to time: a new password or a deactivation there
-- ends what they have here.
create table watched_people (
  sub text primary key,
  mark bytea,                                -- MAC of password columns and state, as last seen; null: not yet
  checked_at timestamptz not null default now(),
  live_until timestamptz not null
) with (fillfactor = 70);
create index watched_people_check on watched_people (checked_at);
create index watched_people_expiry on watched_people (live_until);

-- Logins that are looked up before anything is proved, counted by network on all nodes together.
create unlogged table lookup_rates (
  network text not null,
  minute timestamptz not null,
  lookups int not null,
  primary key (network, minute)
);

-- A hand-over goes both ways: to the app (a login here), or from it (a session there).
alter table hand_overs add column purpose text not null default 'redeem';

-- Everything that was granted to a person, whatever became of the session.
create index oidc_records_grants_of on oidc_records ((payload ->> 'accountId')) where kind = 'Grant';
