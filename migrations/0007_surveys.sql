-- How far the survey of the legacy store has come, so that one that was cut off goes on; and its last report.
create table surveys (
  name text primary key,                     -- the stores it reads
  settings bytea not null,                   -- fingerprint: of other settings nothing can be continued
  version int not null default 1,            -- of two that run at once, one notices
  after text not null default '',            -- the last subject that was counted
  tally json not null,                       -- json, not jsonb: in the order in which it was counted
  started_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  report json
);

-- What people of the survey under way log in with, as MACs: to find who has the same. Emptied when it is done.
create table survey_logins (
  kind text not null,
  folded bytea not null,                     -- however it is cased or composed
  exact bytea not null,
  sub text not null
);
