import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { states } from '../../migration/ledger.ts';
import { listSessions } from '../../provider/records.ts';
import { legacySessionsOfPerson } from '../../sessions/registry.ts';
import { targetSessionsOfPerson } from '../../sessions/target-sessions.ts';
import { seen } from '../batch/sections.ts';
import { linksOfPerson, personLinksLines } from '../claim-tokens/person-links.ts';
import { findUser } from '../find-user.ts';
import { defineOperation } from '../operation.ts';
import { isLiveAtApp, isLiveAtTarget, sessionLine, showSession } from '../session-view.ts';
import { syncedLines, syncOfPerson } from '../sync/person.ts';

/** Nobody has more; `session show` says more of each. */
const SHOWN = 100;

export const userShow = defineOperation({
  name: 'user show',
  summary:
    'Shows one person: who they are, where they stand at each target and whether they are kept equal with it, their links and organizations there, and which sessions they have.',
  input: z.strictObject({ user: z.string().min(1).describe('What the person types to log in, or the sub.') }),
  positional: ['user'],
  changes: false,
  async run(desk, { user: wanted }) {
    const { db, directory, lifetimes } = desk;
    const found = await findUser(directory, wanted);
    const sub = found.user?.sub ?? wanted;
    const ledger = await states(db, sub);
    if (!found.user && ledger.length === 0 && !found.problem) throw new FootbridgeError('user_not_found');
    const atApps = (await legacySessionsOfPerson(db, sub, SHOWN)).filter(isLiveAtApp);
    const atTargets = (await targetSessionsOfPerson(db, sub, SHOWN)).filter(isLiveAtTarget);
    return {
      ...found,
      ledger,
      links: await linksOfPerson(desk, { sub, user: found.user, ledger }),
      sync: await syncOfPerson(desk, sub),
      sessions: (await listSessions(db, { sub }, SHOWN)).map((session) => showSession(session, lifetimes)),
      legacySessions: countBy(atApps.map(({ app }) => app)),
      targetSessions: countBy(atTargets.map(({ target }) => target)),
    };
  },
  print({ user, problem, ledger, links, sync, sessions, legacySessions, targetSessions }) {
    const lines = user
      ? [
          `${user.name ?? user.username ?? user.sub}`,
          `  sub        ${user.sub}`,
          `  username   ${user.username ?? '-'}`,
          `  email      ${user.email ?? '-'}${user.email ? (user.emailVerified ? ' (verified)' : ' (not verified)') : ''}`,
          `  legacy     ${user.state}${user.roles.length ? `, roles ${user.roles.join(', ')}` : ''}`,
        ]
      : [problem ?? 'The legacy store has nobody of this name.'];
    for (const row of ledger) {
      lines.push(
        `  ${row.target.padEnd(10)} ${row.state}${row.targetUserId ? ` as ${row.targetUserId}` : ''}`,
      );
    }
    if (ledger.length === 0) lines.push('  ledger     legacy (never seen here)');
    lines.push(...personLinksLines(links), ...syncedLines(sync));
    for (const session of sessions) lines.push(`  session    ${sessionLine(session)}`);
    for (const [name, n] of Object.entries({ ...legacySessions, ...targetSessions }))
      lines.push(`  at ${name.padEnd(7)} ${n} session${n === 1 ? '' : 's'} (see session show)`);
    return lines.map(seen).join('\n');
  },
  foundWrong: ({ problem }) => problem !== undefined,
});

const countBy = (names: readonly string[]): Record<string, number> =>
  Object.fromEntries([...new Set(names)].map((name) => [name, names.filter((n) => n === name).length]));
