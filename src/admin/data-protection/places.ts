/** Every place of our database that knows something about one person, of all rooms. */
import { credentialTraces } from '../../credentials/traces.ts';
import { states } from '../../migration/ledger.ts';
import { migrationTraces } from '../../migration/traces.ts';
import { providerTraces } from '../../provider/traces.ts';
import { rolloutTraces } from '../../rollout/traces.ts';
import { sessionTraces } from '../../sessions/traces.ts';
import type { Found, Trace, TraceDeps, Traced } from '../../store/traces.ts';
import {
  countSecrets,
  countTraces,
  MACS,
  mentions,
  SUB,
  wipeTraces,
  withoutMention,
} from '../../store/traces.ts';
import { syncTraces } from '../../sync/traces.ts';

const deskTraces: readonly Trace[] = [
  {
    place: 'approvals',
    holds: 'What operators asked to do with them.',
    rows: mentions('input'),
    hidden: ['digest'],
    // What was still to be done with them is not any more.
    erase: {
      set: `input = ${withoutMention('input', 'jsonb')}, says = '',
        state = case when state in ('asked', 'granted') then 'refused' else state end`,
    },
  },
  {
    place: 'surveys',
    holds: 'They are an example in the survey of the legacy store.',
    rows: `${mentions('tally')} or ${mentions('report')}`,
    hidden: ['settings', 'tally', 'report'],
    erase: {
      set: `tally = ${withoutMention('tally', 'json')}, report = ${withoutMention('report', 'json')}`,
    },
  },
  {
    place: 'survey_logins',
    holds: 'Digests of what they log in with, while a survey is under way.',
    rows: `sub = ${SUB}`,
    hidden: ['folded', 'exact'],
  },
  { place: 'wipes', holds: 'That secrets of theirs were wiped.', rows: `sub = ${SUB}` },
  {
    place: 'receipts',
    holds: 'Receipts of what was exported and erased; no name is in them.',
    rows: `subject = any(${MACS})`,
    macOf: (sub) => ['audit-subject', sub],
    hidden: ['subject'],
    erase: { kept: 'The proof that it was done.' },
  },
  {
    place: 'audit_log',
    holds: 'What was done by them and with them, under a pseudonym.',
    rows: `subject = any(${MACS})`,
    macOf: (sub) => ['audit-subject', sub],
    hidden: ['tx', 'subject'],
    erase: { kept: 'The log is never changed. It has a keyed pseudonym in place of who they are.' },
  },
];

export const places: readonly Trace[] = [
  ...providerTraces,
  ...credentialTraces,
  ...sessionTraces,
  ...migrationTraces,
  ...syncTraces,
  ...rolloutTraces,
  ...deskTraces,
];

/** Who they are at targets, of which only the ledger knows. */
export async function tracedPerson({ db }: Pick<TraceDeps, 'db'>, sub: string): Promise<Traced> {
  const users = (await states(db, sub)).flatMap(({ target, targetUserId }) =>
    targetUserId === null ? [] : [{ target, targetUserId }],
  );
  return { sub, users };
}

/** Where something about them is, and how many rows; places without any are left out. */
export const tracesOf = async (deps: TraceDeps, sub: string): Promise<Found[]> =>
  countTraces(deps, places, await tracedPerson(deps, sub));

/** Where they are neither retired nor gone yet. */
const isOpen = (state: string) => state !== 'retired' && state !== 'deleted';

/**
 * Takes every secret of theirs that is for this target; with the last of their targets also what belongs to none. Every place
 * is named, with 0 where nothing was. Doing it again takes nothing.
 */
export const wipeSecrets = async (deps: TraceDeps, target: string, sub: string): Promise<Found[]> =>
  wipeTraces(deps, places, await secretsFor(deps, target, sub));

/** What `wipeSecrets` would take, read now. */
export const secretsOf = async (deps: TraceDeps, target: string, sub: string): Promise<Found[]> =>
  countSecrets(deps, places, await secretsFor(deps, target, sub));

async function secretsFor({ db }: TraceDeps, target: string, sub: string) {
  const rows = await states(db, sub);
  const users = rows.flatMap(({ target: at, targetUserId }) =>
    targetUserId === null ? [] : [{ target: at, targetUserId }],
  );
  const isLast = !rows.some((row) => row.target !== target && isOpen(row.state));
  return { sub, users, targets: [target], isLast };
}
