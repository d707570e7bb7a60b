import { z } from 'zod';
import type { ListedSession } from '../../provider/records.ts';
import { listSessions } from '../../provider/records.ts';
import { legacySessionsOf, opSessionsAtApp } from '../../sessions/registry.ts';
import { opSessionsAtTarget, targetSessionsOfPerson } from '../../sessions/target-sessions.ts';
import { subOf } from '../find-user.ts';
import type { Desk } from '../operation.ts';
import { defineOperation } from '../operation.ts';
import { isLiveAtApp, isLiveAtTarget, sessionLine, showSession, uidsFrom } from '../session-view.ts';

const input = z.strictObject({
  user: z.string().min(1).optional().describe('Only this person’s: what they type to log in, or the sub.'),
  client: z.string().min(1).optional().describe('Only those that this client has a session in.'),
  app: z.string().min(1).optional().describe('Only those with a session at this legacy app.'),
  target: z.string().min(1).optional().describe('Only those with a session at this target.'),
  after: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional()
    .describe('Goes on where the last answer ended: its `next`.'),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(1_000)
    .default(100)
    .describe('At most so many looked at in one answer.'),
});
type Input = z.output<typeof input>;

/** Of one person; nobody has more. */
const OF_PERSON = 1_000;

export const sessionList = defineOperation({
  name: 'session list',
  summary: 'Lists live sessions of this provider, all or some, a page at a time.',
  input,
  changes: false,
  async run(desk, asked) {
    const { page, next } = asked.user === undefined ? await pageOf(desk, asked) : await ofPerson(desk, asked);
    const sessions = page.map((session) => showSession(session, desk.lifetimes));
    return { sessions, ...(next ? { next } : {}) };
  },
  print: ({ sessions, next }) =>
    [
      ...(sessions.length === 0 ? ['No live session.'] : []),
      ...sessions.map((shown) => `${shown.user}  ${sessionLine(shown)}`),
      ...(next ? [`More: --after ${next}`] : []),
    ].join('\n'),
});

/** By app or target their own tables say which; what has ended here meanwhile is left out. */
async function pageOf({ db }: Desk, asked: Input): Promise<Page> {
  const { client, app, target, limit } = asked;
  const after = Buffer.from(asked.after ?? '', 'hex');
  const uids =
    app !== undefined
      ? await opSessionsAtApp(db, { app, after, limit })
      : target !== undefined
        ? await opSessionsAtTarget(db, { target, after, limit })
        : undefined;
  const by = uids ? { uids } : { ...uidsFrom(''), after, clientId: client };
  const listed = await listSessions(db, by, limit);
  const seen = uids ?? listed.map(({ uid }) => uid);
  const page = await only(db, listed, { client, target: app === undefined ? undefined : target });
  return { page, next: seen.length === limit ? seen.at(-1)?.toString('hex') : undefined };
}

async function ofPerson({ db, directory }: Desk, { user = '', ...more }: Input): Promise<Page> {
  const sub = await subOf(directory, user);
  return { page: await only(db, await listSessions(db, { sub }, OF_PERSON), more), next: undefined };
}

interface Page {
  readonly page: readonly ListedSession[];
  readonly next: string | undefined;
}

async function only(
  db: Desk['db'],
  listed: readonly ListedSession[],
  { client, app, target }: Pick<Input, 'client' | 'app' | 'target'>,
): Promise<ListedSession[]> {
  const kept: ListedSession[] = [];
  for (const session of listed) {
    const isKept =
      (client === undefined || session.clients.includes(client)) &&
      (app === undefined || (await isAtApp(db, session, app))) &&
      (target === undefined || (await isAtTarget(db, session, target)));
    if (isKept) kept.push(session);
  }
  return kept;
}

const isAtApp = async (db: Desk['db'], { uid }: ListedSession, app: string): Promise<boolean> =>
  (await legacySessionsOf(db, uid)).some((row) => row.app === app && isLiveAtApp(row));

const isAtTarget = async (db: Desk['db'], { uid, sub }: ListedSession, target: string): Promise<boolean> =>
  (await targetSessionsOfPerson(db, sub, OF_PERSON)).some(
    (row) => row.target === target && isLiveAtTarget(row) && row.opSession?.equals(uid),
  );
