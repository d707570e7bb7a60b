/** What this room keeps about one person. */
import type { Trace } from '../store/traces.ts';
import { isTargetUser, SUB } from '../store/traces.ts';

const BY_SUB = `sub = ${SUB}`;

export const sessionTraces: readonly Trace[] = [
  {
    place: 'legacy_sessions',
    holds: 'Sessions at legacy apps.',
    rows: BY_SUB,
    hidden: ['id', 'handle', 'op_session', 'shared_with', 'login'],
    secret: { where: 'handle is not null', set: 'handle = null', isOfAll: true },
  },
  {
    place: 'target_sessions',
    holds: 'Sessions at targets.',
    rows: `${BY_SUB} or ${isTargetUser('target_user_id')}`,
    hidden: ['op_session'],
  },
  {
    place: 'session_endings',
    holds: 'When sessions of theirs ended, and why.',
    rows: BY_SUB,
    // Whoever is still to be told of it is told why.
    erase: { set: 'sub = null' },
  },
  {
    place: 'logout_deliveries',
    holds: 'Who was told, or is to be told, that sessions of theirs have ended.',
    rows: BY_SUB,
    hidden: ['handle', 'lease'],
    erase: {
      where: `done_at is not null or due_at = 'infinity'`,
      until: 'they are told, within a day',
    },
    secret: { where: 'handle is not null and done_at is not null', set: 'handle = null', isOfAll: true },
  },
  {
    place: 'watched_people',
    holds: 'That they have sessions, and a digest of their password and state.',
    rows: BY_SUB,
    hidden: ['mark'],
    secret: { where: 'mark is not null', set: 'mark = null', isOfAll: true },
  },
  {
    place: 'hand_overs',
    holds: 'That they are on their way to a legacy app, for a minute.',
    rows: `login ->> 'sub' = ${SUB}`,
    hidden: ['id'],
  },
];
