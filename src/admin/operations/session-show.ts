import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { listSessions } from '../../provider/records.ts';
import type { DeliveryState } from '../../sessions/ending/deliveries.ts';
import { deliveriesOf } from '../../sessions/ending/deliveries.ts';
import { endingsOfPerson } from '../../sessions/ending/endings.ts';
import { watchedPerson } from '../../sessions/people-watch.ts';
import { legacySessionsOfPerson } from '../../sessions/registry.ts';
import { targetSessionsOfPerson } from '../../sessions/target-sessions.ts';
import { findUser } from '../find-user.ts';
import { defineOperation } from '../operation.ts';
import { sessionLine, showLegacySession, showSession, showTargetSession } from '../session-view.ts';

/** Of each kind, newest first: more than anybody reads. */
const SHOWN = 100;
const ENDINGS = 5;

export const sessionShow = defineOperation({
  name: 'session show',
  summary:
    'Shows where one person is logged in: here, at legacy apps, at targets; what ended last, and who was told of it.',
  input: z.strictObject({ user: z.string().min(1).describe('What the person types to log in, or the sub.') }),
  positional: ['user'],
  changes: false,
  async run({ db, directory, lifetimes }, { user: wanted }) {
    const { user, problem } = await findUser(directory, wanted);
    const sub = user?.sub ?? wanted;
    const sessions = await listSessions(db, { sub }, SHOWN);
    const legacy = await legacySessionsOfPerson(db, sub, SHOWN);
    const atTargets = await targetSessionsOfPerson(db, sub, SHOWN);
    const endings = await endingsOfPerson(db, sub, ENDINGS);
    const isKnown = user || [sessions, legacy, atTargets, endings].some(({ length }) => length > 0);
    if (!isKnown && !problem) throw new FootbridgeError('user_not_found');
    const told = await Promise.all(endings.map(({ id }) => deliveriesOf(db, id)));
    return {
      user: sub,
      name: user?.name ?? user?.username,
      state: user?.state,
      problem,
      /** Since when the legacy store is looked at for a new password or a deactivation; undefined: it is not. */
      watched: await watchedPerson(db, sub),
      sessions: sessions.map((session) => showSession(session, lifetimes)),
      legacySessions: legacy.map(showLegacySession),
      targetSessions: atTargets.map(showTargetSession),
      endings: endings.map((ending, i) => ({ ...ending, told: told[i] ?? [] })),
    };
  },
  print: (shown) =>
    [
      `${shown.name ?? shown.user}${shown.name ? `  ${shown.user}` : ''}${shown.state ? `  ${shown.state}` : ''}`,
      ...(shown.problem ? [shown.problem] : []),
      ...shown.sessions.map((session) => `  here       ${sessionLine(session)}`),
      ...(shown.sessions.length === 0 ? ['  here       not logged in'] : []),
      ...shown.legacySessions.map((row) => `  app        ${legacyLine(row)}`),
      ...shown.targetSessions.map((row) => `  target     ${targetLine(row)}`),
      ...shown.endings.flatMap(({ cause, actor, createdAt, told }) => [
        `  ended      ${createdAt.toISOString()}  ${cause} by ${actor}`,
        ...told.map((one) => `             ${one.kind} ${one.name}: ${TOLD[one.state]}`),
      ]),
      ...(shown.watched ? [`  looked up  ${shown.watched.checkedAt.toISOString()} in the legacy store`] : []),
    ].join('\n'),
});

const TOLD: Record<DeliveryState, string> = {
  done: 'told',
  'under-way': 'being told',
  later: 'not told yet: it did not answer, and is asked again',
  failed: 'given up (see delivery list --dead)',
};

const belongs = (session: string | undefined) => (session ? `, with ${session}` : '');

function legacyLine(row: ReturnType<typeof showLegacySession>): string {
  const how = row.origin === 'recognised' ? 'brought along' : 'made here';
  const now = row.endedAt
    ? `ended ${row.endedAt}`
    : row.problem
      ? `failed: ${row.problem}`
      : `until ${row.endsAt}`;
  return `${row.app}  ${how} ${row.since}, used ${row.lastUsedAt}, ${now}${belongs(row.session)}`;
}

function targetLine(row: ReturnType<typeof showTargetSession>): string {
  const now = row.endedAt ? `ended ${row.endedAt}` : `seen ${row.lastSeenAt}`;
  return `${row.target}  ${row.id}  since ${row.since}, ${now}${belongs(row.session)}`;
}
