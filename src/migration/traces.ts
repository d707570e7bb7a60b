/** What this room keeps about one person, place by place: what is exported, erased, and wiped of secrets. */
import type { Trace } from '../store/traces.ts';
import { isTargetUser, mentions, NOBODY, SUB, withoutMention } from '../store/traces.ts';

const BY_SUB = `sub = ${SUB}`;
const SIGNED =
  'A report that may have been handed on signed: taking a name out of it would make it another one.';

export const migrationTraces: readonly Trace[] = [
  {
    place: 'ledger',
    holds: 'Where they stand on the way to each target.',
    rows: BY_SUB,
    hidden: ['released_of'],
    // The tombstone: nobody of this id is made again, and who they were there is not taken for somebody new.
    erase: {
      where: `state = 'deleted'`,
      until: 'they are gone there',
      set: `legacy_id = null, amr = null, proved_at = null, released_at = null, created_at = null, migrated_at = null,
        password = null, released_of = null`,
    },
    secret: { where: 'released_of is not null', set: 'released_of = null' },
  },
  { place: 'ledger_outbox', holds: 'Moves of the last week.', rows: BY_SUB },
  {
    place: 'captured_passwords',
    holds: 'A hash of the password, made at a login, until the target has it.',
    rows: BY_SUB,
    hidden: ['sealed', 'made_of'],
    secret: {},
  },
  {
    place: 'target_work',
    holds: 'What is still to be done for them at a target.',
    rows: BY_SUB,
    // The way back has ended what it could; whoever is at it now is waited for.
    erase: { where: 'leased_until is null or leased_until < now()', until: 'somebody is at it' },
  },
  {
    place: 'batch_users',
    holds: 'That they were in a batch, and what became of it.',
    rows: BY_SUB,
    hidden: ['kept', 'lease'],
    erase: {
      where: 'outcome is not null',
      until: 'the batch has come to them: it finds nobody',
      set: `sub = ${NOBODY}, legacy_id = null, problem = null, target_user_id = null, kept = null,
        undone = coalesce(undone, 'nothing')`,
    },
    secret: { where: 'kept is not null', set: 'kept = null', isOfAll: true },
  },
  {
    place: 'batches',
    holds: 'They are an example in the plan of a batch.',
    rows: `${mentions('plan')} or ${mentions('report')}`,
    erase: {
      set: `plan = ${withoutMention('plan', 'jsonb')}, report = ${withoutMention('report', 'jsonb')}`,
    },
  },
  {
    place: 'compared_users',
    holds: 'Digests of what was the same on both sides.',
    rows: BY_SUB,
    hidden: ['digests'],
  },
  {
    place: 'reconciled_users',
    holds: 'Digests of both sides, while they are compared.',
    rows: `${BY_SUB} or target_user_id in (select i from about, unnest(user_ids) as i)`,
    hidden: ['marks'],
  },
  {
    place: 'differences',
    holds: 'What a comparison of both sides found.',
    rows: `sub in (select sub from about union select i from about, unnest(user_ids) as i)`,
    hidden: ['detail'],
  },
  {
    place: 'reconciliations',
    holds: 'They are an example in a report of a comparison.',
    rows: `${mentions('report')} or ${mentions('progress')}`,
    hidden: ['settings', 'progress', 'report'],
    erase: { kept: SIGNED },
  },
  { place: 'mailings', holds: 'Which letters of campaigns they got.', rows: BY_SUB, hidden: ['lease'] },
  {
    place: 'claim_tokens',
    holds: 'One-time links that they were given to link their own account.',
    rows: BY_SUB,
    hidden: ['digest', 'held_by'],
  },
  {
    place: 'claim_exceptions',
    holds: 'That their old login goes on although it ends for others.',
    rows: BY_SUB,
  },
  { place: 'claim_notices', holds: 'Letters about something of theirs.', rows: BY_SUB, hidden: ['lease'] },
  {
    place: 'legacy_writes',
    holds: 'What is still to be written to the legacy store.',
    rows: `key = ${SUB}`,
    hidden: ['lease'],
  },
  {
    place: 'organization_links',
    holds: 'Organizations that they have linked.',
    rows: `owner_sub = ${SUB}`,
    hidden: ['lease'],
    // The link is the organization's.
    erase: { set: `owner_sub = ${NOBODY}` },
  },
  {
    place: 'organization_members',
    holds: 'Linked organizations of a target that they are in.',
    rows: isTargetUser('target_user_id'),
  },
];
