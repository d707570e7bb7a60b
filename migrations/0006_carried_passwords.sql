-- Hashes made at a login, of a password that the target could not read as the legacy store has it: sealed under the
-- master key, gone when the target confirms.
create table captured_passwords (
  target text not null,
  sub text not null,
  sealed text not null,                      -- what to import
  made_of bytea not null,                    -- MAC of the legacy store's own columns: tells whether they have changed since
  reason text not null,                      -- why the stored hash was of no use
  captured_at timestamptz not null default now(),
  primary key (target, sub)
);
create index captured_passwords_age on captured_passwords (captured_at);

-- Rewrites of a hash that did not open with the password that opened the original: nothing is rewritten so any more.
create table blocked_rewrites (
  target text not null,
  format text not null,                      -- the legacy format
  write text not null,                       -- what it was rewritten into
  failures bigint not null default 1,
  failed_at timestamptz not null default now(),
  primary key (target, format, write)
);

-- What became of the password when the user's secrets were released.
alter table ledger add column password text check (password in ('carried', 'rehashed', 'captured', 'reset', 'none'));
