/**
 * Operators who are signed in. The cookie is known here by its SHA-256 only; a session ends some time after its last use, and after
 * its whole time in any case.
 */
import { createHash, randomBytes } from 'node:crypto';
import { auditEachPart } from '../../store/audit-log.ts';
import type { Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Part } from '../../store/statement.ts';
import type { Role } from '../operation.ts';

export interface OperatorSession {
  readonly id: Buffer;
  readonly name: string;
  readonly role: Role;
  /** `invitation`, or the issuer they signed in at. */
  readonly via: string;
  readonly startedAt: Date;
  readonly seenAt: Date;
  readonly expiresAt: Date;
}

export interface SessionLimits {
  readonly sessionSeconds: number;
  readonly idleSeconds: number;
}

/** A token for one who holds it, of 256 bits, and what is kept of it. */
export function newToken(): { readonly token: string; readonly id: Buffer } {
  const token = randomBytes(32).toString('base64url');
  return { token, id: idOf(token) };
}
export const idOf = (token: string): Buffer => createHash('sha256').update(token).digest();

/** That somebody is there is written down so often at most. */
const TOUCH_SECONDS = 20;
/** Sessions listed at once. */
const LISTED = 500;

const COLUMNS = `id, name, role, via, started_at as "startedAt", seen_at as "seenAt", expires_at as "expiresAt"`;

/**
 * Parts that begin a session for the one row of `after`, which has name, role and subject: under a new id, so that no id from
 * before a sign-in is worth anything after it. What the browser had is over.
 */
export function startParts(
  { id, via, now, replaces }: { id: Buffer; via: string; now: Date; replaces?: Buffer | undefined },
  { sessionSeconds }: SessionLimits,
  after: string,
): Part[] {
  return [
    {
      name: 'replaced',
      text: `delete from operator_sessions where id = $1::bytea and exists (select from ${after}) returning id`,
      values: [replaces ?? null],
    },
    {
      name: 'signed_in',
      text: `insert into operator_sessions (id, name, role, via, subject, started_at, seen_at, expires_at)
        select $1::bytea, name, role, $2::text, subject, $3::timestamptz, $3::timestamptz, $3::timestamptz + make_interval(secs => $4::float8)
        from ${after} returning name, role, via, null::bytea as subject, jsonb_build_object('name', name, 'role', role, 'via', via) as detail`,
      values: [id, via, now, sessionSeconds],
    },
    auditEachPart({ actor: 'console', action: 'console.signed-in' }, 'signed_in'),
  ];
}

const FIND = statement(
  `select ${COLUMNS} from operator_sessions where id = $1 and expires_at > $2 and seen_at > $2::timestamptz - make_interval(secs => $3::float8)`,
);
const TOUCH = statement('update operator_sessions set seen_at = $2 where id = $1 and seen_at < $2');

export interface Asking {
  readonly token: string;
  readonly now: Date;
  /** A page asks again by itself: nobody has to be there for it. */
  readonly isByItself?: boolean;
}

/** Whose token this is, if they are still signed in; asking is being there. */
export async function findSession(
  q: Queryable,
  { token, now, isByItself = false }: Asking,
  { idleSeconds }: SessionLimits,
): Promise<OperatorSession | undefined> {
  const [found] = await q.run<OperatorSession>(FIND, [idOf(token), now, idleSeconds]);
  if (found && !isByItself && now.getTime() - found.seenAt.getTime() > TOUCH_SECONDS * 1_000)
    await q.run(TOUCH, [found.id, now]);
  return found;
}

const END_PARTS = {
  one: 'delete from operator_sessions where id = $1::bytea',
  ofName: 'delete from operator_sessions where lower(name) = lower($1::text)',
} as const;

/** Ends one session, or everything of a name, and writes it down. Returns how many there were. */
export async function endSessions(
  q: Queryable,
  which: { readonly id: Buffer } | { readonly name: string },
  actor: string,
): Promise<number> {
  const ended: Part = {
    name: 'signed_out',
    text: `${'id' in which ? END_PARTS.one : END_PARTS.ofName} returning null::bytea as subject, jsonb_build_object('name', name, 'via', via) as detail`,
    values: ['id' in which ? which.id : which.name],
  };
  const parts = [ended, auditEachPart({ actor, action: 'console.signed-out' }, 'signed_out')];
  const [row] = await q.runParts<{ ended: number }>(parts, 'select count(*)::int as ended from signed_out');
  return row?.ended ?? 0;
}

const LIST = statement(
  `select ${COLUMNS} from operator_sessions where expires_at > $1 order by seen_at desc limit ${LISTED}`,
);
export const listSessions = (q: Queryable, now: Date): Promise<OperatorSession[]> =>
  q.run<OperatorSession>(LIST, [now]);

const COUNT = statement(
  'select count(*)::int as count from operator_sessions where lower(name) = lower($1) and expires_at > $2',
);
export const countSessionsOf = async (q: Queryable, name: string, now: Date): Promise<number> =>
  (await q.run<{ count: number }>(COUNT, [name, now]))[0]?.count ?? 0;

/** For `sweep`: at most $1 rows that have served their time. */
export const SWEEP_OPERATOR_SESSIONS = statement(
  `with gone as (delete from operator_sessions where id in (
    select id from operator_sessions where expires_at < now() order by expires_at limit $1 for update skip locked) returning 1)
  select count(*)::int as gone from gone`,
);
