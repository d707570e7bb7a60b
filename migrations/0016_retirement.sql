-- The end of the legacy store, target by target.
create table retirements (
  target text primary key,
  -- checked → redirecting (the facade sends everybody on) → wiping → retired; back to `open` only from redirecting
  state text not null check (state in ('open', 'redirecting', 'wiping', 'retired')),
  since timestamptz not null default now(),
  actor text not null,
  criteria jsonb not null default '[]',      -- what was found when it was begun
  detail jsonb not null default '{}'
);

-- Whose secrets were wiped, and what was found of them afterwards: nothing, or it is not written.
create table wipes (
  target text not null,
  sub text not null,
  link text not null check (link in ('local', 'kept', 'none')),
  wiped jsonb not null,                      -- rows per place
  at timestamptz not null default now(),
  primary key (target, sub)
);

-- Signed answers to requests of people about their own data. No name is in them: the audit log's pseudonym.
create table receipts (
  id text primary key,
  kind text not null check (kind in ('export', 'erasure')),
  subject bytea not null,
  at timestamptz not null default now(),
  actor text not null,
  receipt text not null                      -- JWS (RFC 7515), compact
);
create index receipts_subject on receipts (subject);
-- Whoever is erased, or wiped of secrets, is looked up by who they are.
create index sync_conflicts_person on sync_conflicts (target, sub);
