-- That this database has come out of a backup: what was good once before that moment may have been used since.
create table restorations (
  id bigint primary key generated always as identity,
  at timestamptz not null default now(),
  actor text not null
);
