-- One-time links by which people and organizations link their own accounts at a target. The person's link itself is the
-- ledger's row: unique per target on both sides.
create table claim_tokens (
  id uuid primary key default gen_random_uuid(),
  digest bytea not null unique,              -- SHA-256 of its secret part: a read of this table opens nothing
  target text not null,
  purpose text not null check (purpose in ('person', 'organization')),
  sub text not null,                         -- whom it was issued to; of an organization, its owner
  organization text,                         -- the legacy organization, with its store's prefix
  origin text not null check (origin in ('login', 'app', 'operator', 'campaign', 'chain', 'sign-in', 'letter')),
  campaign text,
  -- that it has expired is told from expires_at
  state text not null default 'open' check (state in ('open', 'claimed', 'revoked')),
  issued_at timestamptz not null default now(),
  expires_at timestamptz not null,
  sent_at timestamptz,                       -- a letter with it went out
  opened_at timestamptz,                     -- the page was shown to a browser that keeps cookies
  started_at timestamptz,                    -- somebody went to the target with it
  ended_at timestamptz,                      -- claimed or revoked
  failed_at timestamptz,
  failure text,                              -- the last: a code
  -- Whoever has proved to be somebody at the target holds it until they confirm, leave, or it is too late.
  held_by bytea,                             -- MAC of the target's subject
  held_until timestamptz,
  check ((purpose = 'organization') = (organization is not null))
) with (fillfactor = 80);
create index claim_tokens_person on claim_tokens (sub, target);
create index claim_tokens_issued on claim_tokens (target, issued_at);
create index claim_tokens_campaign on claim_tokens (campaign, issued_at) where campaign is not null;
create index claim_tokens_old on claim_tokens (expires_at);

-- A legacy organization and the one at the target that it is.
create table organization_links (
  target text not null,
  organization text not null,                -- the legacy organization, with its store's prefix
  target_organization_id text not null,
  state text not null check (state in ('linked', 'unlinked')),
  name text,                                 -- as the target calls it
  owner_sub text not null,                   -- who linked it
  linked_at timestamptz not null default now(),
  unlinked_at timestamptz,
  legacy_ended_at timestamptz,               -- when its memberships were deleted in the legacy store
  settled_at timestamptz,                    -- of an unlinked one: the legacy store knows who had left before
  -- Its memberships are read when it is time, and at once when a webhook says that they have changed.
  due_at timestamptz not null default now(),
  changed_at timestamptz,                    -- the last word of a webhook
  lease text,
  leased_until timestamptz,
  read_at timestamptz,
  failures int not null default 0,
  problem jsonb,
  primary key (target, organization)
) with (fillfactor = 80);
create unique index organization_links_there on organization_links (target, target_organization_id)
  where state = 'linked';
create index organization_links_due on organization_links (due_at) where state = 'linked' or settled_at is null;

-- Who is in a linked organization, as the target last said.
create table organization_members (
  target text not null,
  organization text not null,
  target_user_id text not null,
  membership_id text,
  roles text[] not null,                     -- the target's
  legacy_roles text[] not null,              -- what they are in the legacy apps
  joined_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  ended_at timestamptz,                      -- they are a member no more; their row stays as long as the link
  -- What the legacy store was last told; null: nothing yet. Told again where it differs from what is.
  written_roles text[],
  written_at timestamptz,
  primary key (target, organization, target_user_id)
);
create index organization_members_person on organization_members (target, target_user_id) where ended_at is null;

-- What targets tell by webhook: once each, in any order.
create table target_events (
  target text not null,
  id text not null,                          -- the target's
  name text not null,
  subject text,                              -- what it is about and whom; null: nothing of ours
  at timestamptz,                            -- by the target's clock
  received_at timestamptz not null default now(),
  done_at timestamptz,
  primary key (target, id)
);
create index target_events_waiting on target_events (received_at) where done_at is null;
create index target_events_old on target_events (received_at);

-- How far a target's events have been read again, for what its webhooks lost.
create table target_replays (
  target text primary key,
  read_until timestamptz not null,
  read_at timestamptz not null default now(),
  lease text,
  leased_until timestamptz
);

-- Whose old login goes on although it ends for others.
create table claim_exceptions (
  target text not null,
  sub text not null,
  reason text not null,
  until timestamptz,                         -- null: until it is taken back
  actor text not null,
  at timestamptz not null default now(),
  primary key (target, sub)
);

-- The way back: a rule of the settings that an operator has stopped.
create table claim_rules (
  target text not null,
  rule text not null,
  paused boolean not null,
  reason text not null,
  actor text not null,
  at timestamptz not null default now(),
  primary key (target, rule)
);

-- Letters to one person that something of theirs has caused; links are made only when they are sent.
create table claim_notices (
  id bigint generated always as identity primary key,
  target text not null,
  sub text not null,
  notice text not null,
  detail jsonb not null default '{}',        -- what the letter says besides; no link, no token
  created_at timestamptz not null default now(),
  state text not null default 'waiting' check (state in ('waiting', 'sending', 'sent', 'failed', 'skipped', 'unsure')),
  attempts int not null default 0,
  due_at timestamptz not null default now(),
  lease text,
  leased_until timestamptz,
  problem jsonb,
  ended_at timestamptz
);
create unique index claim_notices_one on claim_notices (target, sub, notice, coalesce(detail->>'organization', ''))
  where state in ('waiting', 'sending');
create index claim_notices_person on claim_notices (sub, target, notice, created_at);
create index claim_notices_due on claim_notices (due_at) where state in ('waiting', 'sending');

-- What is to be written to the legacy store, until it is: the newest word about one thing counts.
create table legacy_writes (
  key text not null,                         -- the subject, or the organization's key: says which store
  what text not null,
  vals jsonb not null,
  version int not null default 1,
  asked_at timestamptz not null default now(),
  due_at timestamptz not null default now(),
  attempts int not null default 0,
  lease text,
  leased_until timestamptz,
  problem jsonb,
  primary key (key, what)
);
create index legacy_writes_due on legacy_writes (due_at);

-- Letters of campaigns without a batch.
alter table mailings alter column batch drop not null;
alter table mailings drop constraint mailings_remedy_check;
alter table mailings add constraint mailings_remedy_check check (remedy in ('reset', 'passkey', 'claim', 'claim-reminder'));
-- One letter for each organization that is to be linked; '': it is about the person.
alter table mailings add column organization text not null default '';
alter table mailings drop constraint mailings_pkey;
alter table mailings add primary key (campaign, sub, organization);
alter table mailings add column enrolled_at timestamptz not null default now();
alter table mailings add column ended_at timestamptz;
create index mailings_enrolled on mailings (target, enrolled_at) where batch is null;
create index mailings_ended on mailings (target, ended_at) where batch is null;
-- Many are due at one moment: the next one is found without looking at all of them.
drop index mailings_due;
create index mailings_due on mailings (campaign, due_at, sub, organization) where state in ('waiting', 'sending');

-- Campaigns: when the last letter of one went out, over all nodes. Of those without a batch also whom they are for, and how far
-- the legacy store has been read for them.
create table mailing_campaigns (
  campaign text primary key,
  target text not null,
  started_at timestamptz,
  plan jsonb not null default '{}',
  begun_at timestamptz not null default now(), -- `90d` of the plan is before that
  read_up_to text not null default '',       -- the subject
  read_at timestamptz,                       -- everybody was looked at
  lease text,                                -- of reminders, which every node could send
  leased_until timestamptz
) with (fillfactor = 50);
