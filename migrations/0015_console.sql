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

-- What is dangerous waits here for a second pair of eyes.
create table approvals (
  id bigint primary key generated always as identity,
  operation text not null,
  input jsonb not null,
  digest bytea not null,                     -- of operation and input: the grant is for exactly that
  says text not null,                        -- what the dry run said would happen
  asked_by text not null,
  asked_at timestamptz not null default now(),
  expires_at timestamptz not null,
  state text not null check (state in ('asked', 'granted', 'refused', 'used')) default 'asked',
  decided_by text,
  decided_at timestamptz,
  note text,
  used_at timestamptz
);
create index approvals_digest on approvals (digest, state);
create index approvals_expiry on approvals (expires_at);
