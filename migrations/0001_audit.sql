-- Who did what to whom. Rows are only ever added; audit_seals chains them together afterwards, so that writing one
-- is a plain insert and logins never wait for one another.
create table audit_log (
  -- First, so that a row has its transaction before its number.
  tx xid8 not null default pg_current_xact_id(),
  id bigint primary key generated always as identity,
  at timestamptz not null default now(),
  actor text not null,
  action text not null,
  -- A keyed hash of the user's sub: erasing the user leaves the chain whole.
  subject bytea,
  detail jsonb not null default '{}'
);
create index audit_log_order on audit_log (tx, id);
create index audit_log_subject on audit_log (subject, id) where subject is not null;

create table audit_seals (
  seq bigint primary key,
  -- Everything up to here is sealed, in the order (tx, id) …
  last_tx xid8 not null,
  last_id bigint not null,
  -- … among the rows above this id: transaction ids start again after a dump is restored into a new server.
  floor_id bigint not null,
  -- The sealed records in their order, and their digests (32 bytes each, joined).
  ids bigint[] not null,
  digests bytea not null,
  previous bytea not null,
  hash bytea not null,
  at timestamptz not null default now()
);

create function audit_refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'the audit log is append-only' using errcode = 'insufficient_privilege';
end $$;

create trigger audit_log_append_only before update or delete or truncate on audit_log
  for each statement execute function audit_refuse_change();
create trigger audit_seals_append_only before update or delete or truncate on audit_seals
  for each statement execute function audit_refuse_change();
revoke update, delete, truncate on audit_log, audit_seals from public, current_user;
