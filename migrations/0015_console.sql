-- Operators at the console. Tokens and cookies are kept as SHA-256 only.
create table operator_invitations (
  id bytea primary key,
  name text not null,
  role text not null check (role in ('viewer', 'operator', 'admin')),
  actor text not null,
  expires_at timestamptz not null,
  used_at timestamptz
);
create table operator_sessions (
  id bytea primary key,
  name text not null,
  role text not null check (role in ('viewer', 'operator', 'admin')),
  via text not null,                         -- 'invitation', or the issuer they signed in at
  subject text,                              -- who they are there
  started_at timestamptz not null default now(),
  seen_at timestamptz not null default now(),
  expires_at timestamptz not null
) with (fillfactor = 70);
create index operator_sessions_expiry on operator_sessions (expires_at);

-- By which name somebody who signs in elsewhere is known, from their first time on: a new name makes nobody somebody else.
create table operators (
  issuer text not null,
  subject text not null,                     -- who they are there
  name text not null,
  primary key (issuer, subject)
);
create unique index operators_name on operators (lower(name));

-- What is dangerous waits here for a second pair of eyes.
create table approvals (
  id bigint primary key generated always as identity,
  operation text not null,
  input jsonb not null,
  digest bytea not null,                     -- MAC of operation and input: the grant is for exactly that
  says text not null,                        -- what the dry run said would happen
  role text not null,                        -- what whoever grants it has to be at least
  asked_by text not null,
  asked_at timestamptz not null default now(),
  expires_at timestamptz not null,
  state text not null check (state in ('asked', 'granted', 'refused', 'used')) default 'asked',
  decided_by text,
  decided_at timestamptz,
  note text,
  used_by text,
  used_at timestamptz
);
create index approvals_digest on approvals (digest, state);
create index approvals_expiry on approvals (expires_at);

-- What the console lists of letters that did not reach anybody.
create index mailings_undelivered on mailings (campaign) where state in ('failed', 'unsure');
create index claim_notices_undelivered on claim_notices (ended_at) where state in ('failed', 'unsure');
