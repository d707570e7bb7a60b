import { z } from 'zod';
import { nowSeconds } from '../../clock.ts';
import { FootbridgeError } from '../../errors.ts';
import type { ListedSession } from '../../provider/records.ts';
import { countSessions, listSessions } from '../../provider/records.ts';
import type { Selection } from '../../sessions/ending/ending.ts';
import { legacySessionsOf, legacySessionsOfPerson, peopleAtApps } from '../../sessions/registry.ts';
import { peopleAtTargets, targetSessionsOfPerson } from '../../sessions/target-sessions.ts';
import { appendAudit } from '../../store/audit-log.ts';
import { subOf } from '../find-user.ts';
import type { Desk, RunOptions } from '../operation.ts';
import { defineOperation } from '../operation.ts';
import { isLiveAtApp, isLiveAtTarget, uidsFrom } from '../session-view.ts';

const input = z.strictObject({
  user: z
    .string()
    .min(1)
    .optional()
    .describe('Everything of this person: what they type to log in, or the sub.'),
  session: z
    .string()
    .regex(/^[0-9a-f]{8,64}$/)
    .optional()
    .describe('This session, as `session list` and `session show` name it, and what belongs to it.'),
  client: z.string().min(1).optional().describe('All sessions that this client has a session in.'),
  all: z.boolean().default(false).describe('Everything of everybody who has a session here.'),
  everything: z
    .boolean()
    .default(false)
    .describe(
      'For a user or for all: also what outlives a session, such as refresh tokens with offline_access.',
    ),
  reason: z.string().min(1).max(500).optional().describe('For the audit log.'),
});
type Input = z.output<typeof input>;

/** In one statement, of many: short enough for others to get in between. */
const BATCH = 500;
const LISTED = 1_000;

/** How many sessions; undefined: it is not counted beforehand. */
interface Numbers {
  readonly opSessions: number;
  readonly legacySessions?: number;
  readonly targetSessions?: number;
}

export const sessionEnd = defineOperation({
  name: 'session end',
  summary:
    'Ends sessions here, at legacy apps and at targets: of one person, one session, of a client, or all. Whoever has to be told is told by the running server. Of many, 500 at a time; saying it again goes on.',
  input,
  changes: true,
  danger: ({ all, client }) => all || client !== undefined,
  async run(desk, asked, options) {
    const chosen = [asked.user, asked.session, asked.client, asked.all || undefined].filter(
      (c) => c !== undefined,
    );
    if (chosen.length !== 1)
      throw new FootbridgeError('bad_request', { detail: 'One of --user, --session, --client and --all.' });
    if (asked.user !== undefined) return ofPerson(desk, asked, options);
    if (asked.session !== undefined) return oneSession(desk, asked, options);
    return many(desk, asked, options);
  },
  print({ executed, whose, opSessions, legacySessions, targetSessions, deliveries, left }) {
    const counted = [
      `${opSessions} here`,
      ...(legacySessions === undefined ? [] : [`${legacySessions} at legacy apps`]),
      ...(targetSessions === undefined ? [] : [`${targetSessions} at targets`]),
    ].join(', ');
    if (!executed)
      return `Would end the sessions of ${whose}: ${counted}, and what belongs to them. Nothing was changed: add --execute.`;
    return `Ended sessions of ${whose}: ${counted}. Still to be told: ${deliveries}.${left ? ` Left: ${left}; say it again.` : ''}`;
  },
  foundWrong: ({ left }) => left > 0,
});

interface Answer extends Numbers {
  readonly executed: boolean;
  readonly whose: string;
  readonly deliveries: number;
  /** Sessions here that are still, or anew, there. */
  readonly left: number;
}

async function ofPerson(desk: Desk, { user = '', everything, reason }: Input, { execute }: RunOptions) {
  const sub = await subOf(desk.directory, user);
  const found = {
    opSessions: (await listSessions(desk.db, { sub }, LISTED)).length,
    legacySessions: (await legacySessionsOfPerson(desk.db, sub, LISTED)).filter(isLiveAtApp).length,
    targetSessions: (await targetSessionsOfPerson(desk.db, sub, LISTED)).filter(isLiveAtTarget).length,
  };
  if (!execute) return dry(sub, found);
  const ended = await end(desk, { by: 'person', sub }, { everything });
  await noteReason(desk, reason, { ending: ended.id, sub });
  return { ...ended, executed: true, whose: sub, left: 0 } satisfies Answer;
}

async function oneSession(desk: Desk, { session = '', reason }: Input, { execute }: RunOptions) {
  const { uid, sub } = await sessionNamed(desk, session);
  const found = {
    opSessions: 1,
    legacySessions: (await legacySessionsOf(desk.db, uid)).filter(isLiveAtApp).length,
    targetSessions: (await targetSessionsOfPerson(desk.db, sub, LISTED)).filter(
      (row) => isLiveAtTarget(row) && row.opSession?.equals(uid),
    ).length,
  };
  const whose = `${session} (${sub})`;
  if (!execute) return dry(whose, found);
  const ended = await end(desk, { by: 'op-session', uid }, { scope: 'session' });
  await noteReason(desk, reason, { ending: ended.id, sub });
  return { ...ended, executed: true, whose, left: 0 } satisfies Answer;
}

/** Exactly one session begins so. */
async function sessionNamed({ db }: Desk, prefix: string): Promise<ListedSession> {
  const [one, another] = await listSessions(db, uidsFrom(prefix), 2);
  if (!one) throw new FootbridgeError('not_found', { detail: `No live session is called ${prefix}.` });
  if (another)
    throw new FootbridgeError('bad_request', {
      detail: `Several sessions begin with ${prefix}: give more of it.`,
    });
  return one;
}

async function many(
  desk: Desk,
  { client, everything, reason }: Input,
  { execute, onProgress }: RunOptions,
): Promise<Answer> {
  const whose = client === undefined ? 'everybody' : `everybody at ${client}`;
  const total = await countSessions(desk.db, client);
  if (!execute) return dry(whose, { opSessions: total });
  const selection: Selection = {
    by: 'any',
    limit: BATCH,
    ...(client === undefined ? {} : { clientId: client }),
  };
  const startedAt = performance.now();
  const before = nowSeconds();
  const sums = { opSessions: 0, legacySessions: 0, targetSessions: 0, deliveries: 0 };
  // First, so that it is known who began something that may be cut off.
  await noteReason(desk, reason, { selected: client === undefined ? 'all' : `client ${client}` });
  while (sums.opSessions < total) {
    const ended = await end(
      desk,
      selection,
      client === undefined ? { isBulk: true, everything } : { isBulk: true, scope: 'session' },
    );
    for (const kind of Object.keys(sums) as (keyof typeof sums)[]) sums[kind] += ended[kind];
    const perSecond = Math.round(sums.opSessions / Math.max(0.001, (performance.now() - startedAt) / 1_000));
    onProgress?.({ users: sums.opSessions, total, continuedFrom: 0, perSecond });
    // Nothing more that is not held by somebody else at this moment.
    if (ended.opSessions === 0) break;
  }
  if (client === undefined) await othersToo(desk, { before, everything, sums });
  return { ...sums, executed: true, whose, left: await countSessions(desk.db, client) };
}

type Sums = Record<'opSessions' | 'legacySessions' | 'targetSessions' | 'deliveries', number>;

/** Theirs here have run out, and those at an app or a target live on. */
async function othersToo(
  desk: Desk,
  {
    before,
    everything,
    sums,
  }: { readonly before: number; readonly everything: boolean; readonly sums: Sums },
): Promise<void> {
  const seen = new Set<string>();
  for (;;) {
    const people = [
      ...(await peopleAtApps(desk.db, before, BATCH)),
      ...(await peopleAtTargets(desk.db, before, BATCH)),
    ];
    const next = [...new Set(people)].filter((sub) => !seen.has(sub));
    if (next.length === 0) return;
    for (const sub of next) {
      seen.add(sub);
      const ended = await end(desk, { by: 'person', sub }, { isBulk: true, everything });
      for (const kind of Object.keys(sums) as (keyof Sums)[]) sums[kind] += ended[kind];
    }
  }
}

type More = Omit<Parameters<Desk['endings']['end']>[0], 'selection' | 'cause' | 'actor'>;

const end = ({ endings, actor }: Desk, selection: Selection, more: More) =>
  endings.end({ selection, cause: 'operator', actor, ...more });

const dry = (whose: string, found: Numbers): Answer => ({
  ...found,
  executed: false,
  whose,
  deliveries: 0,
  left: 0,
});

/** What ended is in the audit log already. */
async function noteReason(
  { db, audit, actor }: Desk,
  reason: string | undefined,
  { sub, ...about }: { readonly sub?: string; readonly ending?: string; readonly selected?: string },
): Promise<void> {
  if (reason === undefined) return;
  const subject = sub === undefined ? {} : { subject: audit.pseudonym(sub) };
  await appendAudit(db, { actor, action: 'sessions.end_reason', ...subject, detail: { ...about, reason } });
}
