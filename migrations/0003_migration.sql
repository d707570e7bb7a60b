-- Where each user stands on the way to each target. A user without a row is in the state `legacy`.
create table ledger (
  target text not null,
  sub text not null,
  legacy_id text,
  state text not null check (state in ('legacy', 'authenticated', 'queued', 'releasing', 'created', 'migrated',
    'cut-over', 'retired', 'failed', 'excluded', 'deleted')),
  -- The state before the last statement that touched the row: differs from `state` when that was a move.
  from_state text not null,
  version int not null default 1,            -- counts the moves
  target_user_id text,                       -- kept when a user goes back: the target still has that user
  proved_at timestamptz,                     -- last password proof at our login page; empty after going back
  amr text[],                                -- RFC 8176 values of that proof
  released_at timestamptz,
  created_at timestamptz,                    -- since when the user exists at the target
  migrated_at timestamptz,
  state_changed_at timestamptz not null default now(),
  primary key (target, sub)
) with (fillfactor = 80);
create unique index ledger_target_user on ledger (target, target_user_id) where target_user_id is not null;
create index ledger_sub on ledger (sub);
create index ledger_state on ledger (target, state);

-- Moves to be told onwards, each written with its move. Swept after a week.
create table ledger_outbox (
  id bigint primary key generated always as identity,
  target text not null,
  sub text not null,
  event text not null,
  from_state text not null,
  to_state text not null,
  version int not null,
  at timestamptz not null default now()
);
create index ledger_outbox_age on ledger_outbox (at);

-- A ticket is a MAC; only its redemption is a row, kept until the ticket has expired anyhow.
create table redeemed_tickets (
  id bytea primary key,
  expires_at timestamptz not null
);
create index redeemed_tickets_expiry on redeemed_tickets (expires_at);

-- The volume fuse: a bucket of requests per caller, and releases per caller and day (UTC).
create table release_rate (
  caller text primary key,
  tokens double precision not null,
  refilled_at timestamptz not null
) with (fillfactor = 50);
create table release_volume (
  caller text not null,
  day date not null,
  releases int not null,
  primary key (caller, day)
) with (fillfactor = 50);

-- Signed calls already taken, until their timestamp is out of bounds.
create table seen_signatures (
  id bytea primary key,                      -- SHA-256 of key id, timestamp and signature
  expires_at timestamptz not null
);
create index seen_signatures_expiry on seen_signatures (expires_at);

-- Browsers on their way to a legacy app to get its session.
create table hand_overs (
  id bytea primary key,                      -- SHA-256 of the token
  app text not null,
  login jsonb not null,                      -- what the app is told when it redeems
  expires_at timestamptz not null
);
create index hand_overs_expiry on hand_overs (expires_at);
