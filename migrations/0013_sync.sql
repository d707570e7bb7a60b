-- People who are kept equal in the legacy store and at a target, while both are in use.
create table sync_pairs (
  target text primary key,
  state text not null check (state in ('aligning', 'running', 'paused', 'draining', 'stopped')),
  since timestamptz not null default now(),
  actor text not null,
  -- How far each side has been read from end to end, and when both were last.
  sweep jsonb not null default '{}',
  swept_at timestamptz,
  sweep_due_at timestamptz not null default now(),
  -- The brake on people who vanish: how many have been let go since then, and until when an operator lets go of any number.
  let_go int not null default 0,
  let_go_since timestamptz,
  may_go_until timestamptz,
  lease text,
  leased_until timestamptz
);

-- What was heard, once each.
create table sync_changes (
  source text not null,
  id text not null,
  target text not null,
  person text not null,
  lane smallint not null,
  hint jsonb not null,
  received_at timestamptz not null default now(),
  primary key (source, id, target)
);
create index sync_changes_received on sync_changes (received_at);
create index sync_changes_person on sync_changes (target, person, received_at);

-- Whose turn it is. `due_at` is infinity for a dead letter.
create table sync_turns (
  target text not null,
  person text not null,
  version bigint not null default 1,
  lane smallint not null,
  hint jsonb not null,
  -- What whoever has the lease has been told of it.
  taken jsonb,
  first_at timestamptz not null default now(),
  due_at timestamptz not null default now(),
  attempts int not null default 0,
  lease text,
  leased_until timestamptz,
  problem jsonb,
  died_at timestamptz,
  primary key (target, person)
) with (fillfactor = 60);
create index sync_turns_due on sync_turns (target, lane, due_at, person);

-- What both sides had when they were last equal, as keyed digests, and what was about to be written when we fell silent.
create table sync_people (
  target text not null,
  sub text not null,
  target_user_id text not null,
  version bigint not null default 0,
  base jsonb not null default '{}',
  intended jsonb,
  -- When the target's user was last read and written: what changed there in between is not known.
  read_at timestamptz,
  wrote_at timestamptz,
  gone_since timestamptz,
  -- When a reading of the whole target has last met them.
  seen_at timestamptz,
  synced_at timestamptz,
  primary key (target, sub)
) with (fillfactor = 70);
create index sync_people_gone on sync_people (target, gone_since) where gone_since is not null;
create index sync_people_user on sync_people (target, target_user_id);

-- Passwords, of which a target only tells that there is another one.
create table sync_passwords (
  target text not null,
  sub text not null,
  -- `equal`: as far as we know; `at-target`: the target has a newer one, which is caught when it is next typed; `waits`: the
  -- legacy store has a newer one, which the target cannot be given before it is typed.
  state text not null check (state in ('equal', 'at-target', 'waits')),
  -- The fingerprint of the legacy password when both were last equal.
  made_of text,
  since timestamptz not null default now(),
  problem text,
  -- The newest change at the target that was dealt with.
  heard_at timestamptz,
  -- When we wrote it there last, from and to: what the target tells of that time may be our own doing.
  writing_at timestamptz,
  wrote_at timestamptz,
  -- The marks of what we were about to write to the legacy store, newest first, by which it is known again.
  intended text[],
  -- Something of theirs was caught at a login: it is their turn.
  due_at timestamptz,
  primary key (target, sub)
);
create index sync_passwords_due on sync_passwords (due_at) where due_at is not null;
create index sync_passwords_open on sync_passwords (sub) where state <> 'equal';

-- What both sides have changed, and what became of it. The values are sealed.
create table sync_conflicts (
  id bigint generated always as identity primary key,
  target text not null,
  sub text not null,
  field text not null,
  -- `overruled`: the side that does not lead had another value; `unseen`: something was changed there while we wrote.
  kind text not null check (kind in ('both-changed', 'overruled', 'unseen', 'password')),
  sealed text,
  legacy_at timestamptz,
  target_at timestamptz,
  -- Null: a person has to decide.
  decided text check (decided in ('legacy', 'target')),
  decided_by text,
  at timestamptz not null default now(),
  decided_at timestamptz
);
create unique index sync_conflicts_open on sync_conflicts (target, sub, field) where decided is null;
create index sync_conflicts_at on sync_conflicts (target, at);
create index sync_conflicts_decided on sync_conflicts (decided_at) where decided_at is not null;

-- How far each legacy feed has been read.
create table sync_feeds (
  store text not null,
  feed text not null,
  position text,
  read_at timestamptz,
  changes bigint not null default 0,
  lag jsonb,
  problem jsonb,
  lease text,
  leased_until timestamptz,
  primary key (store, feed)
);

-- That both sides were equal, signed.
create table sync_reports (
  id text primary key,
  target text not null,
  at timestamptz not null default now(),
  report jsonb not null,
  signed text not null
);
create index sync_reports_target on sync_reports (target, at);

-- Of events about users: what of them has changed, by whom, and the new hash, sealed.
alter table target_events add column detail jsonb;
