-- People who are moved many at once. Who is in a batch is written down before anybody is sent, so that whatever dies,
-- whoever is left can be counted and sent.
create table batches (
  id text primary key,                       -- the operator's name for it
  target text not null,
  state text not null check (state in ('planning', 'planned', 'running', 'paused', 'done', 'undoing', 'undone')),
  plan jsonb not null,                       -- who and in which order, as it was asked for
  report jsonb,                              -- what the plan foresaw
  planned_after text not null default '',    -- how far the legacy store has been read for it
  size int not null,                         -- users per call
  per_second int,                            -- users per second over all nodes; null: what the target takes
  workers int not null,                      -- per node
  tokens double precision not null default 0,
  refilled_at timestamptz not null default now(),
  note jsonb,                                -- why it is slow, or stands still
  actor text not null,
  planned_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz
);

create table batch_users (
  batch text not null references batches,
  rank bigint not null,                      -- the batch's order
  sub text not null,
  legacy_id text,
  outcome text check (outcome in ('migrated', 'created', 'there', 'skipped', 'failed')), -- null: still to be sent
  problem jsonb,                             -- code, sentence, what is missing; of the last try, or for good
  attempts int not null default 0,           -- tries that failed while the target was well
  due_at timestamptz not null default now(), -- not before; in the future while a worker has it
  lease text,
  target_user_id text,
  finished_at timestamptz,
  undone text,                               -- what undoing did: removed, unlinked, nothing, failed
  kept text,                                 -- sealed: what undoing took away at the target
  primary key (sub, batch)
) with (fillfactor = 80);
-- Whoever arrives is written anew in two of these, and there are a million of them.
create index batch_users_order on batch_users (batch, rank, sub);
create index batch_users_waiting on batch_users (batch, rank, sub) where outcome is null;
create index batch_users_left on batch_users (batch, outcome, rank, sub) where outcome in ('created', 'skipped', 'failed');

-- How many of a batch have which outcome; one row per worker, so that none waits for another. Sums count.
create table batch_counts (
  batch text not null references batches,
  worker text not null,
  outcome text not null,
  users int not null,
  primary key (batch, worker, outcome)
) with (fillfactor = 50);

-- What of a user was the same on both sides last: a keyed digest per field. Tells who has changed what since.
create table compared_users (
  target text not null,
  sub text not null,
  digests jsonb not null,
  compared_at timestamptz not null default now(),
  primary key (target, sub)
);

-- Reconciliations of both sides, and how far each has come.
create table reconciliations (
  id text primary key,
  target text not null,
  state text not null check (state in ('running', 'done')),
  settings jsonb not null,
  progress jsonb not null,
  report jsonb,
  actor text not null,
  started_at timestamptz not null default now(),
  finished_at timestamptz
);
create index reconciliations_target on reconciliations (target, started_at);

-- The target's users while a reconciliation is under way: keyed digests, nothing raw. A crash of the server empties it,
-- which shows by the row without an id, and it is read again.
create unlogged table reconciled_users (
  reconciliation text not null,
  target_user_id text not null,              -- '': nothing was lost since the reconciliation began
  external_id text,                          -- the id that we asked for, where the target keeps it beside its own
  sub text,                                  -- whom the link to us names
  legacy_id text,                            -- in our metadata there
  state text not null,
  marks jsonb not null,
  met boolean not null default false,        -- somebody of the legacy store or the ledger was compared with it
  primary key (reconciliation, target_user_id)
) with (fillfactor = 80);
create index reconciled_users_sub on reconciled_users (reconciliation, sub) where sub is not null;
create index reconciled_users_external on reconciled_users (reconciliation, external_id) where external_id is not null;
create index reconciled_users_legacy on reconciled_users (reconciliation, legacy_id) where legacy_id is not null;

-- Differences that a reconciliation found, each with what would mend it.
create table differences (
  reconciliation text not null references reconciliations on delete cascade,
  sub text not null,                         -- or the target user's id, of somebody who is only there
  kind text not null,
  repair text not null,                      -- of several fields those that the same repair mends are one difference
  detail jsonb not null,                     -- fields, and the digests of both sides
  repaired_at timestamptz,
  problem jsonb,
  primary key (reconciliation, sub, kind, repair)
);

-- Mails that ask people to do something: one row per person and campaign, so that nobody gets two.
create table mailings (
  campaign text not null,
  target text not null,
  batch text not null,
  sub text not null,
  remedy text not null check (remedy in ('reset', 'passkey')),
  code text,                                 -- why it did not come along: the batch's
  batched_at timestamptz,                    -- when the batch was done with them: what came later may have mended it
  -- `unsure`: it was being sent when the process died, or the answer was lost; it may have arrived
  state text not null check (state in ('waiting', 'sending', 'sent', 'failed', 'skipped', 'unsure')),
  attempts int not null default 0,
  due_at timestamptz not null,
  lease text,
  leased_until timestamptz,
  announced_at timestamptz,                  -- of those that the target writes to: we have told them so
  started_at timestamptz,                    -- of the last try that sent: the pace is kept from it
  problem jsonb,
  sent_at timestamptz,
  primary key (campaign, sub)
) with (fillfactor = 80);
create index mailings_due on mailings (campaign, due_at) where state in ('waiting', 'sending');
create index mailings_started on mailings (campaign, started_at) where started_at is not null;

-- Only counting used it, and every move wrote it.
drop index ledger_state;

-- A chunk's leases are renewed together.
create index target_work_lease on target_work (lease) where lease is not null;
