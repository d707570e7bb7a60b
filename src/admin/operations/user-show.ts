import { z } from 'zod';
import { FootbridgeError, isFootbridgeError } from '../../errors.ts';
import type { Directory } from '../../legacy/directory.ts';
import { states } from '../../migration/ledger.ts';
import { sessionsOf } from '../../provider/records.ts';
import { defineOperation } from '../operation.ts';

export const userShow = defineOperation({
  name: 'user show',
  summary: 'Shows one person: who they are, where they stand at each target, and their sessions here.',
  input: z.strictObject({ user: z.string().min(1).describe('What the person types to log in, or the sub.') }),
  positional: ['user'],
  changes: false,
  async run({ db, directory }, { user: wanted }) {
    const found = await findUser(directory, wanted);
    const sub = found.user?.sub ?? wanted;
    const ledger = await states(db, sub);
    if (!found.user && ledger.length === 0 && !found.problem) throw new FootbridgeError('user_not_found');
    const sessions = await sessionsOf(db, sub);
    return {
      ...found,
      ledger,
      sessions: sessions.map(({ payload }) => ({
        loginAt: seconds(payload.loginTs),
        clients: Object.keys((payload.authorizations ?? {}) as object),
      })),
    };
  },
  print({ user, problem, ledger, sessions }) {
    const lines = user
      ? [
          `${user.name ?? user.username ?? user.sub}`,
          `  sub        ${user.sub}`,
          `  username   ${user.username ?? '-'}`,
          `  email      ${user.email ?? '-'}${user.email ? (user.emailVerified ? ' (verified)' : ' (not verified)') : ''}`,
          `  legacy     ${user.state}${user.roles.length ? `, roles ${user.roles.join(', ')}` : ''}`,
        ]
      : [`The legacy store could not be asked: ${problem}`];
    for (const row of ledger) {
      lines.push(
        `  ${row.target.padEnd(10)} ${row.state}${row.targetUserId ? ` as ${row.targetUserId}` : ''}`,
      );
    }
    if (ledger.length === 0) lines.push('  ledger     legacy (never seen here)');
    for (const session of sessions)
      lines.push(
        `  session    since ${session.loginAt ?? '?'}, at ${session.clients.join(', ') || 'no client'}`,
      );
    return lines.join('\n');
  },
});

const seconds = (value: unknown) =>
  typeof value === 'number' ? new Date(value * 1000).toISOString() : undefined;

async function findUser(directory: Directory, wanted: string) {
  try {
    const user = (await directory.findByLogin(wanted))?.user ?? (await directory.userBySub(wanted));
    return { user, problem: undefined };
  } catch (error) {
    if (!isFootbridgeError(error)) throw error;
    return { user: undefined, problem: error.message };
  }
}
