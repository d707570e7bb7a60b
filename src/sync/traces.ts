/**
 * What this room keeps about one person, in our PostgreSQL. Where NATS keeps the queue, what is heard of them is there as long
 * as it is their turn, and no longer than its streams keep anything.
 */
import type { Trace } from '../store/traces.ts';
import { isTargetUser, SUB } from '../store/traces.ts';

const BY_SUB = `sub = ${SUB}`;
/** Of somebody whose subject was not known, the target's id. */
const BY_PERSON = `person in (select sub from about union select 'user ' || i from about, unnest(user_ids) as i)`;
const SEALED = 'sealedPassword';

export const syncTraces: readonly Trace[] = [
  {
    place: 'target_events',
    holds: 'What targets told of them in the last month.',
    rows: isTargetUser('subject', 'user/'),
    hidden: ['detail'],
    secret: { where: `done_at is null and detail ? 'sealed'`, set: `detail = detail - 'sealed'` },
  },
  {
    place: 'sync_changes',
    holds: 'What was heard of them on either side.',
    rows: BY_PERSON,
    hidden: ['hint'],
    secret: { where: `hint ? '${SEALED}'`, set: `hint = hint - '${SEALED}'` },
  },
  {
    place: 'sync_turns',
    holds: 'That they are to be looked at on both sides.',
    rows: BY_PERSON,
    hidden: ['hint', 'taken', 'lease'],
    secret: {
      where: `hint ? '${SEALED}' or taken ? '${SEALED}'`,
      set: `hint = hint - '${SEALED}', taken = taken - '${SEALED}'`,
    },
  },
  {
    place: 'sync_people',
    holds: 'Digests of what both sides had when they were equal last.',
    rows: BY_SUB,
    hidden: ['base', 'intended'],
  },
  {
    place: 'sync_passwords',
    holds: 'Whether both sides have the same password.',
    rows: BY_SUB,
    hidden: ['made_of', 'intended'],
    secret: {},
  },
  {
    place: 'sync_conflicts',
    holds: 'What both sides have changed at once, with the values.',
    rows: BY_SUB,
    hidden: ['sealed'],
    secret: { where: 'sealed is not null', set: 'sealed = null' },
  },
];
