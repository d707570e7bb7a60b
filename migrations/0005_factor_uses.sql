-- What second factors were used for; the legacy store is only read, so it cannot remember.

-- The signature counter last seen of each passkey.
create table passkey_counters (
  credential bytea primary key,      -- SHA-256 of the credential id
  sign_count bigint not null,
  used_at timestamptz not null default now()
);
create index passkey_counters_age on passkey_counters (used_at);

-- Challenges that were answered: none is answered twice. Logged: a failover forgets none.
create table spent_challenges (
  challenge bytea primary key,       -- SHA-256 of the challenge
  spent_at timestamptz not null default now()
);
create index spent_challenges_age on spent_challenges (spent_at);

-- Recovery codes that were used. Not swept by age, as the store still has the code; at most as many as it has codes.
create table recovery_code_uses (
  code bytea primary key,            -- HMAC of sub and code
  subject bytea not null,            -- HMAC of the sub
  used_at timestamptz not null default now()
);
create index recovery_code_uses_subject on recovery_code_uses (subject);
