-- What `target setup` made at a target, so that `teardown` undoes exactly that.
create table target_resources (
  target text not null,
  kind text not null,                        -- what it is there: idp, action-target, execution, …
  name text not null,                        -- ours
  remote_id text not null,
  sealed text,                               -- a key that came with it
  before jsonb,                              -- how it was there before us; null: it was not
  previous_sealed text,                      -- the key before the last rotation, good until …
  previous_until timestamptz,
  made_at timestamptz not null default now(),
  primary key (target, kind, name)
);

-- Users that are being made or completed at a target. A row is there from before the first call until everything is
-- confirmed, so that whoever finds it can go on.
create table target_work (
  target text not null,
  sub text not null,
  road text not null,                        -- what asked for it: login, fetch, event, typed, ensure, batch, operator
  actor text not null,
  target_user_id text,                       -- where the target has already told
  attempts int not null default 0,
  due_at timestamptz not null default now(), -- infinity: given up, until somebody asks again
  lease text,                                -- whose turn it is, until …
  leased_until timestamptz,
  problem jsonb,                             -- code and sentence of the last failure
  created_at timestamptz not null default now(),
  primary key (target, sub)
) with (fillfactor = 70);
create index target_work_due on target_work (due_at);

-- How often we removed what we had made there: the next one gets another id.
alter table ledger add column removals int not null default 0;
-- Whether it was us who made the user there; null where the target had or made it.
alter table ledger add column made boolean;
-- Of which legacy password the target was given something first: a MAC of its columns, or 'changed'.
alter table ledger add column released_of text;
