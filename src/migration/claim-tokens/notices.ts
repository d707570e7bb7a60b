/**
 * Letters to one person that something of theirs has caused, as our database keeps them. A link is made only when its letter
 * is sent. A row says `sending` before a mail goes out: one that is found so may have been sent, and is not repeated.
 */
import { randomUUID } from 'node:crypto';
import { auditDetail, auditPart } from '../../store/audit-log.ts';
import type { Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Part } from '../../store/statement.ts';

/**
 * `account-linked`, `link-tried`: after the fact, to its owner. With a link, for a person: `claim-enforced`, the old login was
 * refused just now; `claim-account`, theirs was no longer good.
 */
export const NOTICES = ['account-linked', 'link-tried', 'claim-enforced', 'claim-account'] as const;
export type Notice = (typeof NOTICES)[number];

export interface NoticeDetail {
  /** Masked: what it is at the target. */
  readonly there?: string;
  /** Of an organization's, its name here. */
  readonly organization?: string;
}

export interface NewNotice {
  readonly target: string;
  readonly sub: string;
  readonly notice: Notice;
  /** What the letter says besides. No link, no token. */
  readonly detail: NoticeDetail;
}

/**
 * Whoever makes the same happen again and again must not fill a mailbox, nor our table with what cannot be sent. A link that
 * was asked for may be good for an hour only (`ttlHours`): then another is sent.
 */
const THROTTLED = `n.state in ('waiting', 'sending')
  or n.ended_at > now() - case when n.state in ('sent', 'unsure') and n.notice <> 'claim-account' then interval '24 hours'
    else interval '1 hour' end`;

/**
 * Asks for a letter, in the statement of what caused it: nothing where one of its kind (of an organization: about the same
 * one) waits, was sent to this person within a day (what they asked for: within an hour), or came to nothing within an hour. With `after`, the name of an earlier
 * part, only if that part returned a row.
 */
export function noticePart({ target, sub, notice, detail }: NewNotice, after?: string): Part {
  return {
    name: after ? `notice_${after}` : 'notice',
    text: `insert into claim_notices (target, sub, notice, detail)
      select $1::text, $2::text, $3::text, $4::jsonb where ${after ? `exists (select from ${after}) and ` : ''}not exists (
        select from claim_notices n where n.sub = $2::text and n.target = $1::text and n.notice = $3::text
          and n.detail->>'organization' is not distinct from $4::jsonb->>'organization' and (${THROTTLED}))
      on conflict do nothing`,
    values: [target, sub, notice, auditDetail({ ...detail })],
  };
}

/** One that we have the lease of. */
export interface DueNotice {
  /** A bigint, as text. */
  readonly id: string;
  readonly target: string;
  readonly sub: string;
  readonly notice: Notice;
  readonly detail: NoticeDetail;
  readonly createdAt: Date;
  /** `sending`: whoever had it has died, and it may have been sent. */
  readonly state: 'waiting' | 'sending';
  /** Tries that came to nothing. */
  readonly attempts: number;
  readonly lease: string;
}

/** Longer than one mail can take: looking somebody up, a link, waiting for its turn, and the mail itself are each bounded. */
const LEASE_SECONDS = 900;

const CLAIM = statement(`with due as materialized (
    select id from claim_notices where state in ('waiting', 'sending') and due_at <= now()
      and (leased_until is null or leased_until < now())
    order by due_at, id limit 1 for update skip locked)
  update claim_notices n set lease = $1, leased_until = now() + interval '${LEASE_SECONDS} seconds' from due
  where n.id = due.id returning n.id::text as id, n.target, n.sub, n.notice, n.detail, n.created_at as "createdAt",
    n.state, n.attempts, n.lease`);

/** The next one that is due and that nobody works on. */
export async function dueNotice(q: Queryable): Promise<DueNotice | undefined> {
  const [notice] = await q.run<DueNotice>(CLAIM, [randomUUID()]);
  return notice;
}

const BEGIN = statement(`update claim_notices set state = 'sending'
  where id = $1::bigint and lease = $2 and state = 'waiting' and leased_until > now() returning 1`);

/** From here on it may go out. False: the lease has run out, and it is somebody else's. */
export async function beginNotice(q: Queryable, { id, lease }: DueNotice): Promise<boolean> {
  return (await q.run(BEGIN, [id, lease])).length > 0;
}

/** Why somebody got none; no secrets, no addresses, and no words of other systems. */
export interface NoticeProblem {
  readonly code: string;
  readonly detail?: string;
}

export interface NoticeEnd {
  readonly state: 'sent' | 'failed' | 'skipped' | 'unsure';
  readonly problem?: NoticeProblem | undefined;
  /** For the audit record, which is written of all but who was skipped. */
  readonly actor: string;
  readonly subject: Buffer;
}

/** How it ended, with its audit record, or neither. */
export async function finishNotice(q: Queryable, due: DueNotice, end: NoticeEnd): Promise<void> {
  const { id, lease, target, notice } = due;
  const { state, problem, actor, subject } = end;
  const finished: Part = {
    name: 'notice_finished',
    text: `update claim_notices set state = $3::text, problem = $4::jsonb, lease = null, leased_until = null, ended_at = now()
      where id = $1::bigint and lease = $2::text returning 1`,
    values: [id, lease, state, problem ? JSON.stringify(problem) : null],
  };
  const detail = { target, notice, ...(problem ? { code: problem.code } : {}) };
  const record = auditPart({ actor, action: `mail.${state}`, subject, detail }, 'notice_finished');
  await q.runParts([finished, ...(state === 'skipped' ? [] : [record])], 'select 1');
}

const POSTPONE = statement(`update claim_notices set state = 'waiting', lease = null, leased_until = null,
    attempts = attempts + 1, due_at = now() + make_interval(secs => $3::float8), problem = $4
  where id = $1::bigint and lease = $2`);

/** Nothing went out: again after so long. */
export async function postponeNotice(
  q: Queryable,
  { id, lease }: DueNotice,
  { seconds, problem }: { readonly seconds: number; readonly problem: NoticeProblem },
): Promise<void> {
  await q.run(POSTPONE, [id, lease, seconds, JSON.stringify(problem)]);
}

const UNDELIVERED =
  statement(`select target, sub, notice, state, problem->>'code' as code, ended_at as "endedAt" from claim_notices
  where state in ('failed', 'unsure') order by ended_at desc limit $1`);
/** Letters that were not sent, or nobody knows whether they were; newest first. */
export const undeliveredNotices = (
  q: Queryable,
  limit: number,
): Promise<
  {
    readonly target: string;
    readonly sub: string;
    readonly notice: Notice;
    readonly state: 'failed' | 'unsure';
    readonly code: string | null;
    readonly endedAt: Date;
  }[]
> => q.run(UNDELIVERED, [limit]);

const FORGET = statement('delete from claim_notices where target = $1 and sub = $2');
/** Somebody is forgotten, and what they were told with them. */
export const forgetNotices = async (q: Queryable, target: string, sub: string): Promise<void> => {
  await q.run(FORGET, [target, sub]);
};

/** The audit log knows longer that somebody was told. */
export const SWEEP_NOTICES = statement(`with gone as (delete from claim_notices where id in (
    select id from claim_notices where ended_at < now() - interval '90 days' limit $1) returning 1)
  select count(*)::int as gone from gone`);
