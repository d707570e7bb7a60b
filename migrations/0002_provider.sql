-- What the OpenID Provider keeps: one row per session, grant, code and token, found by the hash of its id.
create table oidc_records (
  id bytea primary key,              -- SHA-256 of '<kind>:<id>': a read of this table is not a session theft
  kind text not null,
  grant_key bytea,                   -- id of the Grant row this record lives and dies with
  uid bytea,                         -- SHA-256 of the session's uid: a session's own, or the one a token is bound to
  payload jsonb not null,            -- never contains the id itself
  expires_at timestamptz,            -- by this database's clock; null: does not expire
  consumed_at timestamptz
) with (fillfactor = 85);
create index oidc_records_grant on oidc_records (grant_key) where grant_key is not null;
create index oidc_records_session on oidc_records (uid) where kind = 'Session';
create index oidc_records_account on oidc_records ((payload ->> 'accountId')) where kind = 'Session';
create index oidc_records_expiry on oidc_records (expires_at) where expires_at is not null;

-- Signing keys and cookie keys, sealed under the master key.
create table provider_keys (
  kid text primary key,
  purpose text not null check (purpose in ('RS256', 'ES256', 'cookie')),
  state text not null check (state in ('next', 'current', 'previous')),
  sealed text not null,
  created_at timestamptz not null default now(),
  state_since timestamptz not null default now()
);
create unique index provider_keys_one_current on provider_keys (purpose) where state = 'current';
create unique index provider_keys_one_next on provider_keys (purpose) where state = 'next';
