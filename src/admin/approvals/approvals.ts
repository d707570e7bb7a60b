/**
 * The table `approvals`: who asked for what, who has approved it, and that it was done. An approval is for one operation with
 * one input, once, and soon; whoever uses it is somebody else than who granted it.
 */
import { FootbridgeError } from '../../errors.ts';
import { appendAudit, auditPart } from '../../store/audit-log.ts';
import type { Db, Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import { isSamePerson } from './digest.ts';

/** Who asks in the evening is answered the next day; what is older nobody remembers the reason of. */
export const REQUEST_HOURS = 24;
/** The world that was approved is still about the same. */
export const GRANT_HOURS = 1;
/** Nobody reads more; and what fills the list is not asked for by people. */
export const MAX_OPEN = 200;
/** An audit looks back a year. */
const KEPT_DAYS = 400;
/** A dry run's text. */
export const MAX_SAYS = 4_000;
/** Nobody takes a part for the whole. */
const CUT = '\n… cut here: the dry run of the same input says all of it.';
const HOUR_MS = 3_600_000;

/** `expired`: asked or granted, and too late by now. */
export type ApprovalState = 'asked' | 'granted' | 'refused' | 'used' | 'expired';

export interface Approval {
  /** A bigint, as text. */
  readonly id: string;
  readonly operation: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** What the dry run said would happen. */
  readonly says: string;
  /** What whoever grants it has to be at least. */
  readonly role: string;
  readonly state: ApprovalState;
  readonly askedBy: string;
  readonly askedAt: Date;
  readonly expiresAt: Date;
  readonly decidedBy: string | null;
  readonly decidedAt: Date | null;
  readonly note: string | null;
  readonly usedBy: string | null;
  readonly usedAt: Date | null;
}

/** $1: now. */
const COLUMNS = `id::text, operation, input, says, role, asked_by as "askedBy", asked_at as "askedAt",
  expires_at as "expiresAt", decided_by as "decidedBy", decided_at as "decidedAt", note, used_by as "usedBy",
  used_at as "usedAt", case when state in ('asked', 'granted') and expires_at <= $1::timestamptz then 'expired' else state end as state`;
const ONE = statement(`select ${COLUMNS} from approvals where id = $2::bigint`);
const ONE_LOCKED = statement(`select ${COLUMNS} from approvals where id = $2::bigint for update`);
const LIST = statement(`select ${COLUMNS} from approvals
  where not $2::boolean or (state in ('asked', 'granted') and expires_at > $1::timestamptz) order by approvals.id desc limit $3`);

/** Throws approval_not_found. */
export async function approvalById(q: Queryable, id: string, nowMs: number): Promise<Approval> {
  return found(await q.run<Approval>(ONE, [new Date(nowMs), id]), id);
}

function found(rows: readonly Approval[], id: string): Approval {
  const [row] = rows;
  if (row) return row;
  throw new FootbridgeError('approval_not_found', { detail: `number ${id}` });
}

/** The newest first. `onlyOpen`: those that still can be decided or used. */
export const listApprovals = (
  q: Queryable,
  { nowMs, onlyOpen = false, limit }: { nowMs: number; onlyOpen?: boolean; limit: number },
): Promise<Approval[]> => q.run<Approval>(LIST, [new Date(nowMs), onlyOpen, limit]);

export interface NewRequest {
  readonly operation: string;
  /** As it is shown: without secrets. */
  readonly input: object;
  readonly digests: readonly Buffer[];
  readonly says: string;
  readonly role: string;
  /** Without `operator:`. */
  readonly askedBy: string;
  readonly nowMs: number;
}

const LOCK = statement(`select pg_advisory_xact_lock(hashtext('footbridge.approvals'))`);
const SAME = statement(`select id::text from approvals
  where digest = any($1::bytea[]) and state = 'asked' and expires_at > $2::timestamptz order by approvals.id limit 1`);
const OPEN = statement(
  `select count(*)::int as open from approvals where state = 'asked' and expires_at > $1::timestamptz`,
);
const OLD = statement(`delete from approvals where id in (select id from approvals
  where expires_at < $1::timestamptz - make_interval(days => ${KEPT_DAYS}) limit 1000)`);
const ASK =
  statement(`insert into approvals (operation, input, digest, says, role, asked_by, asked_at, expires_at)
  values ($1, $2::jsonb, $3, $4, $5, $6, $7::timestamptz, $8::timestamptz) returning id::text`);

/** The number of the request; of an open one for the same where there is one. Throws throttled when too many are open. */
export function askApproval(db: Db, request: NewRequest): Promise<string> {
  const { operation, input, digests, says, role, askedBy, nowMs } = request;
  const now = new Date(nowMs);
  return db.transaction(async (tx) => {
    // One after the other, so that the same is asked for once and the bound holds.
    await tx.run(LOCK);
    const [same] = await tx.run<{ id: string }>(SAME, [digests, now]);
    if (same) return same.id;
    await tx.run(OLD, [now]);
    const [open] = await tx.run<{ open: number }>(OPEN, [now]);
    if ((open?.open ?? 0) >= MAX_OPEN)
      throw new FootbridgeError('throttled', {
        detail: `${MAX_OPEN} requests for an approval wait already: footbridge approval list`,
      });
    const until = new Date(nowMs + REQUEST_HOURS * HOUR_MS);
    const whole = says.replaceAll('\0', '');
    const cut = whole.length > MAX_SAYS ? whole.slice(0, MAX_SAYS - CUT.length) + CUT : whole;
    const text = cut.toWellFormed();
    const values = [operation, JSON.stringify(input), digests[0], text, role, askedBy, now, until];
    const [row] = await tx.run<{ id: string }>(ASK, values);
    const detail = { request: row!.id, operation };
    await appendAudit(tx, { actor: `operator:${askedBy}`, action: 'approval.asked', detail });
    return row!.id;
  });
}

export interface Decision {
  readonly id: string;
  readonly state: 'granted' | 'refused';
  /** Without `operator:`. */
  readonly by: string;
  readonly note?: string | undefined;
  readonly nowMs: number;
}

/** Throws approval_state for what is decided, used or has expired; approval_own for whoever has asked for it. */
export function checkDecision(approval: Approval, { state, by }: Pick<Decision, 'state' | 'by'>): void {
  // Whoever has second thoughts takes a grant back as long as nobody has used it.
  const isOpen = approval.state === 'asked' || (state === 'refused' && approval.state === 'granted');
  if (!isOpen) throw new FootbridgeError('approval_state', { detail: `${approval.id} is ${approval.state}` });
  if (state === 'granted' && isSamePerson(approval.askedBy, by))
    throw new FootbridgeError('approval_own', {
      detail: `${approval.id} was asked for by ${approval.askedBy}`,
    });
}

const DECIDE =
  statement(`update approvals set state = $2, decided_by = $3, decided_at = $4::timestamptz, note = $5,
  expires_at = $6::timestamptz where id = $1::bigint`);

/** Throws approval_not_found, what `checkDecision` throws, and what `mayDecide` throws for whoever may not. */
export function decide(
  db: Db,
  decision: Decision,
  mayDecide: (approval: Approval) => void,
): Promise<Approval> {
  const { id, state, by, note, nowMs } = decision;
  const now = new Date(nowMs);
  return db.transaction(async (tx) => {
    const approval = found(await tx.run<Approval>(ONE_LOCKED, [now, id]), id);
    mayDecide(approval);
    checkDecision(approval, decision);
    const until = state === 'granted' ? new Date(nowMs + GRANT_HOURS * HOUR_MS) : approval.expiresAt;
    await tx.run(DECIDE, [id, state, by, now, note ?? null, until]);
    const detail = { request: id, operation: approval.operation, asked: approval.askedBy };
    await appendAudit(tx, { actor: `operator:${by}`, action: `approval.${state}`, detail });
    return { ...approval, state, decidedBy: by, decidedAt: now, note: note ?? null, expiresAt: until };
  });
}

const GRANTED =
  statement(`select id::text, decided_by as "decidedBy" from approvals where digest = any($1::bytea[])
  and state = 'granted' and expires_at > $2::timestamptz order by approvals.id limit 20`);

/**
 * Takes an approval for this, granted by somebody else than `by`; of two who come at once, one. Undefined: there is none. It
 * is spent whatever becomes of the operation.
 */
export async function useApproval(
  db: Db,
  {
    digests,
    by,
    nowMs,
  }: { readonly digests: readonly Buffer[]; readonly by: string; readonly nowMs: number },
): Promise<string | undefined> {
  const now = new Date(nowMs);
  const granted = await db.run<{ id: string; decidedBy: string }>(GRANTED, [digests, now]);
  for (const { id, decidedBy } of granted) {
    if (isSamePerson(decidedBy, by)) continue;
    const used = {
      name: 'approval_used',
      text: `update approvals set state = 'used', used_by = $2::text, used_at = $3::timestamptz
        where id = $1::bigint and state = 'granted' and expires_at > $3::timestamptz returning operation`,
      values: [id, by, now],
    };
    const detail = { request: id, granted: decidedBy };
    const record = auditPart({ actor: `operator:${by}`, action: 'approval.used', detail }, used.name);
    const [row] = await db.runParts([used, record], 'select operation from approval_used');
    if (row) return id;
  }
  return undefined;
}
