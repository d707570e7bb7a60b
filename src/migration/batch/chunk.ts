/** A chunk of a batch: people taken under one lease, with everything that our own database knows of each. */
import { randomUUID } from 'node:crypto';
import type { Queryable } from '../../store/db.ts';
import type { Rewrite } from '../blocked-rewrites.ts';
import { blockedPart } from '../blocked-rewrites.ts';
import { capturedEachPart } from '../captured-passwords.ts';
import { standingsPart } from '../ledger.ts';
import type { LedgerRow } from '../ledger-row.ts';
import { renewEachPart, takeEachPart } from '../moving/target-work.ts';
import type { Batch } from './batch.ts';
import type { Place } from './batch-users.ts';
import { dueParts, LEASE_SECONDS, renewPart, stampPart } from './batch-users.ts';

/** What is read of a ledger row on the way. */
export type KnownRow = Pick<LedgerRow, 'state' | 'targetUserId' | 'releasedOf' | 'made' | 'removals'>;

/** Somebody of a chunk, as our database knows them. */
export interface Taken {
  readonly sub: string;
  readonly legacyId: string;
  /** Tries that failed while the target was well. */
  readonly attempts: number;
  /** A worker of this batch has died while it had them. */
  readonly isInFlight: boolean;
  /** Undefined: nothing has happened to them yet. */
  readonly row: KnownRow | undefined;
  /** Where the target has said which of its users it is. */
  readonly targetUserId: string | null;
  readonly captured: { readonly sealed: string | null; readonly madeOf: string | null };
}

export interface Chunk {
  readonly batch: Batch;
  readonly lease: string;
  /** When the people were asked for, to the microsecond. */
  readonly askedAt: string;
  readonly people: readonly Taken[];
  readonly blocked: readonly (readonly [format: string, write: Rewrite['write']])[];
}

interface TakenRow {
  readonly sub: string;
  readonly legacy_id: string | null;
  readonly attempts: number;
  readonly in_flight: boolean;
  readonly target_user_id: string | null;
  readonly asked_at: string;
  readonly sealed: string | null;
  readonly madeOf: string | null;
  readonly row: KnownRow | null;
  readonly blocked: Chunk['blocked'];
}

const taking = ({ target, actor }: Batch, lease: string) => ({
  target,
  actor,
  lease,
  leaseSeconds: LEASE_SECONDS,
});

/** The next people of the batch; undefined when nobody is due whom nobody else has. */
export async function takeChunk(
  q: Queryable,
  batch: Batch,
  { from, size }: { readonly from: Place; readonly size: number },
): Promise<Chunk | undefined> {
  const lease = randomUUID();
  const request = { batch: batch.id, lease, size, from };
  const rows = await q.runParts<TakenRow>(
    [
      ...dueParts(request),
      takeEachPart(taking(batch, lease), 'chunk_due'),
      stampPart(request),
      standingsPart(batch.target, 'work_taken'),
      capturedEachPart(batch.target, 'work_taken'),
      blockedPart(batch.target),
    ],
    `select d.sub, d.legacy_id, d.attempts, d.in_flight, w.target_user_id, w.asked_at, c.sealed, c."madeOf", to_json(l) as row, b.blocked
     from chunk_mine m join chunk_due d using (sub) join work_taken w using (sub)
     left join ledger_standings l using (sub) left join captured_each c using (sub) cross join rewrites_blocked b
     where m.lease is not null order by d.rank, d.sub`,
  );
  const [first] = rows;
  if (!first) return undefined;
  return {
    batch,
    lease,
    askedAt: first.asked_at,
    blocked: first.blocked,
    people: rows.map((taken) => ({
      sub: taken.sub,
      legacyId: taken.legacy_id ?? taken.sub,
      attempts: taken.attempts,
      isInFlight: taken.in_flight,
      row: taken.row ?? undefined,
      targetUserId: taken.target_user_id,
      captured: { sealed: taken.sealed, madeOf: taken.madeOf },
    })),
  };
}

/** Keeps the lease until it is stopped. What could not be renewed runs out, which does no harm. */
export function keepChunk(q: Queryable, { batch, lease, people }: Chunk): { stop(): void } {
  const subs = people.map(({ sub }) => sub);
  const parts = [renewEachPart(taking(batch, lease)), renewPart(batch.id, lease, subs)];
  const timer = setInterval(
    () => void q.runParts(parts, 'select 1').catch(() => undefined),
    (LEASE_SECONDS * 1_000) / 3,
  );
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
