-- Who goes when, and back. A plan is never changed: a new version takes its place.
create table rollout_plans (
  target text not null,
  version int not null,
  plan jsonb not null,                       -- as read and checked
  source text not null,                      -- as it was written, for people
  note text,
  actor text not null,
  at timestamptz not null default now(),
  primary key (target, version)
);

-- What decisions depend on, in one row per target: `epoch` counts every change of plan, phases and switches, so that a node
-- that reads it knows whether what it remembers still holds.
create table rollouts (
  target text primary key,
  version int not null,
  epoch bigint not null default 1,
  salt bytea not null,                       -- of the people's buckets; made once, so that nobody's place changes
  actor text not null,
  at timestamptz not null default now(),
  lease text,                                -- of the round that looks at schedule and gates
  leased_until timestamptz,
  looked_at timestamptz                      -- when everybody's standing was last counted for the gates
);

create table rollout_phases (
  target text not null references rollouts on delete cascade,
  phase text not null,
  state text not null check (state in ('planned', 'running', 'paused', 'finished', 'rolled-back')),
  attempt int not null default 1,            -- a phase that is begun again after a rollback assigns afresh
  reason text,                               -- why it is as it is, in a sentence
  cause text,                                -- a stable code: operator, schedule, gate, …
  actor text not null,
  since timestamptz not null default now(),
  started_at timestamptz,                    -- of this attempt
  primary key (target, phase)
);

-- Kill switches: what they name stays at the old login, whatever the plan says.
create table rollout_switches (
  target text not null references rollouts on delete cascade,
  kind text not null check (kind in ('everything', 'phase', 'app', 'segment')),
  name text not null,                        -- '' for everything
  reason text not null,
  actor text not null,
  at timestamptz not null default now(),
  primary key (target, kind, name)
);

-- Who belongs to a phase: written once, when somebody first fits it while it runs, and kept whatever the plan says later.
create table rollout_assignments (
  target text not null,
  sub text not null,
  phase text not null,
  attempt int not null,
  segment text,                              -- the segment by which they fit; null: everybody
  bucket int not null,                       -- 0 to 9,999
  version int not null,                      -- of the plan
  way text not null check (way in ('decision', 'bulk', 'operator')),
  assigned_at timestamptz not null default now(),
  first_at timestamptz not null default now(), -- in whichever attempt: who was at the target before came by another road
  -- The way back of a phase that is rolled back with its people.
  back text check (back in ('asked', 'kept', 'returned', 'refused', 'failed')),
  back_detail jsonb,                         -- names of what came back, stays, is lost; values are sealed
  back_at timestamptz,
  back_lease text,                           -- of whoever is taking them back
  back_due_at timestamptz,
  primary key (target, sub, phase)
) with (fillfactor = 90);
create index rollout_assignments_phase on rollout_assignments (target, phase, attempt, sub);
create index rollout_assignments_back on rollout_assignments (target, phase, sub) where back is not null;
create index rollout_assignments_asked on rollout_assignments (target, phase, sub) where back = 'asked';

-- How logins went, in steps of five minutes. Nodes add to it every few seconds.
create table rollout_counts (
  at timestamptz not null,
  target text not null,                      -- '' where no target is meant
  app text not null,                         -- a client, or '' where none is known
  phase text not null,                       -- '' outside of the plan
  path text not null,
  outcome text not null,
  count bigint not null,
  primary key (at, target, app, phase, path, outcome)
) with (fillfactor = 60);

-- What became of a plan, step by step: as the audit log has it, and found without reading all of that.
create table rollout_steps (
  id bigint primary key generated always as identity,
  target text not null,
  at timestamptz not null,
  actor text not null,
  action text not null,                      -- rollout.started, rollout.switched-off, …
  detail jsonb not null
);
create index rollout_steps_target on rollout_steps (target, id);

-- How much people asked the support for, as the operator reports it.
create table rollout_support (
  id bigint primary key generated always as identity,
  target text not null,
  phase text not null,                       -- '' for all of it
  requests int not null,
  at timestamptz not null default now(),
  actor text not null
);
create index rollout_support_at on rollout_support (target, at);

-- Where everybody stood at the end of each day (UTC): the river, and what forecasts are held against.
create table rollout_days (
  target text not null,
  day date not null,
  phase text not null,                       -- '' for all people
  segment text not null,                     -- '' for all of the phase
  state text not null,                       -- of the ledger; '' how many there are in all, as the last census knew it
  people int not null,
  phase_state text,                          -- of the phase on that day, beside how many it has in all
  noted_at timestamptz not null,
  primary key (target, day, phase, segment, state)
);
create index rollout_days_day on rollout_days (day);

-- The legacy store read from end to end: how many belong to each phase and segment, and how long ago they logged in.
create table rollout_censuses (
  id bigint primary key generated always as identity,
  target text not null,
  version int not null,
  started_at timestamptz not null default now(),
  finished_at timestamptz,
  after text not null default '',            -- how far it has come
  tally jsonb not null default '{}',
  actor text not null,
  lease text,                                -- of whoever reads
  leased_until timestamptz
);
create index rollout_censuses_target on rollout_censuses (target, finished_at);
-- One is under way at a time.
create unique index rollout_censuses_open on rollout_censuses (target) where finished_at is null;

-- What was foreseen, and when: never changed, so that it can be held against what came.
create table rollout_forecasts (
  id bigint primary key generated always as identity,
  target text not null,
  at timestamptz not null default now(),
  actor text not null,
  asked jsonb not null,
  forecast jsonb not null
);
create index rollout_forecasts_target on rollout_forecasts (target, id);
