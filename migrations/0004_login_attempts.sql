-- Failed logins, per identifier, per network and per second factor. Logged: a crash or a failover forgives nobody.
create table login_attempts (
  bucket bytea primary key,          -- HMAC of what is counted: no user name is kept
  failures int not null,
  failed_at timestamptz not null,
  blocked_until timestamptz
) with (fillfactor = 70);
create index login_attempts_age on login_attempts (failed_at);

-- The last TOTP step each user has spent (RFC 6238 section 5.2: one use per step).
create table totp_uses (
  subject bytea primary key,
  step bigint not null
);
