/** Where somebody is logged in, and which batches they were in. */
import { listSessions } from '../../../provider/records.ts';
import { legacySessionsOfPerson } from '../../../sessions/registry.ts';
import { targetSessionsOfPerson } from '../../../sessions/target-sessions.ts';
import type { Desk } from '../../operation.ts';
import type { Who } from '../../perform.ts';
import { isLiveAtApp, isLiveAtTarget, showSession } from '../../session-view.ts';
import { offer } from '../offers.ts';
import type { CellOf, Panel } from '../panels.ts';
import type { Gathered } from './gathering.ts';

/** Of each kind; nobody has more. */
const SHOWN = 50;

export async function sessionsPanel(
  { db, lifetimes }: Desk,
  sub: string,
  { who, now }: { readonly who: Who; readonly now: Date },
): Promise<Panel> {
  const [own, atApps, atTargets] = await Promise.all([
    listSessions(db, { sub }, SHOWN),
    legacySessionsOfPerson(db, sub, SHOWN),
    targetSessionsOfPerson(db, sub, SHOWN),
  ]);
  const rows: CellOf[][] = [
    ...own
      .map((session) => showSession(session, lifetimes))
      .map(({ id, since, lastUsedAt, endsAt, endsUnlessUsedAt, clients }): CellOf[] => [
        { text: 'here', code: id },
        clients.join(', ') || 'no client',
        since ? { at: new Date(since) } : '',
        lastUsedAt ? { at: new Date(lastUsedAt) } : '',
        { at: new Date(endsAt ?? endsUnlessUsedAt) },
        { links: offer(who, { operation: 'session end', label: 'End', input: { session: id } }) },
      ]),
    ...atApps
      .filter(isLiveAtApp)
      .map(({ app, origin, createdAt, seenAt, expiresAt }): CellOf[] => [
        { text: `at ${app}` },
        origin === 'recognised' ? 'brought along' : 'made here',
        { at: createdAt },
        { at: seenAt },
        { at: expiresAt },
        '',
      ]),
    ...atTargets
      .filter(isLiveAtTarget)
      .map(({ target, startedAt, seenAt }): CellOf[] => [
        { text: `at ${target}` },
        '',
        { at: startedAt },
        { at: seenAt },
        '',
        '',
      ]),
  ];
  const failed = atApps.filter(
    ({ problem, endedAt, expiresAt }) => problem !== null && endedAt === null && expiresAt > now,
  );
  return {
    title: 'Sessions',
    notices: failed.map(({ app, problem }) => ({
      tone: 'warn' as const,
      sentences: [`There is no session at ${app}: ${problem}`],
    })),
    ...(rows.length > 0
      ? {
          table: { label: 'Live sessions', head: ['Where', 'For', 'Since', 'Used', 'Ends', ''], rows },
          links: offer(who, { operation: 'session end', label: 'End all of them', input: { user: sub } }),
        }
      : { empty: { sentence: 'They are logged in nowhere that we know of.' } }),
  };
}

const OUTCOMES = { migrated: 'ok', created: 'warn', there: 'ok', skipped: 'quiet', failed: 'bad' } as const;

/** Nothing of somebody who was in none. */
export function batchesPanel({ batches, sub }: Gathered, who: Who): Panel[] {
  if (batches.length === 0) return [];
  return [
    {
      title: 'Batches',
      table: {
        label: 'What became of them in which batch',
        head: ['Batch', 'Outcome', 'When', 'Why', ''],
        rows: batches.map(({ batch, outcome, problem, finishedAt, undone, attempts }): CellOf[] => [
          { text: batch, href: `/admin/batches/${encodeURIComponent(batch)}` },
          {
            badge: outcome ? { text: outcome, tone: OUTCOMES[outcome] } : { text: 'waiting', tone: 'quiet' },
            ...(undone ? { note: `taken back: ${undone}` } : {}),
          },
          finishedAt ? { at: finishedAt } : '',
          problem
            ? {
                text: `${problem.code}: ${problem.sentence}`,
                ...(attempts > 0 ? { note: `${attempts} tries failed` } : {}),
              }
            : '',
          outcome === 'failed' && !undone
            ? {
                links: offer(who, {
                  operation: 'batch replay',
                  label: 'Send again',
                  input: { batch, user: sub },
                }),
              }
            : '',
        ]),
      },
    },
  ];
}
