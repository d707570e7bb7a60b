/** Whose old login goes on although it ends for others: `enforcement.ts` asks, operators say. */
import { auditPart } from '../../store/audit-log.ts';
import type { Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Part } from '../../store/statement.ts';

export interface ClaimException {
  readonly target: string;
  readonly sub: string;
  readonly reason: string;
  /** Null: until it is taken back. */
  readonly until: Date | null;
  readonly actor: string;
  readonly at: Date;
}

/** An operator's sentence. */
export const MAX_REASON = 500;

interface At {
  readonly target: string;
  readonly sub: string;
}

interface Doing extends At {
  /** As the audit log names them. */
  readonly actor: string;
  /** The audit log's pseudonym of `sub`. */
  readonly subject: Buffer;
}

/** Until when it counts is for the database's clock to say; `e` is the table. */
const COUNTS = '(e.until is null or e.until > now())';

/** In the place of one that is there. */
export async function addException(
  q: Queryable,
  { target, sub, actor, subject, reason, until }: Doing & Pick<ClaimException, 'reason' | 'until'>,
): Promise<void> {
  const added: Part = {
    name: 'claim_excepted',
    text: `insert into claim_exceptions (target, sub, reason, until, actor)
        values ($1::text, $2::text, $3::text, $4::timestamptz, $5::text)
      on conflict (target, sub) do update set reason = excluded.reason, until = excluded.until,
        actor = excluded.actor, at = now()
      returning 1`,
    values: [target, sub, reason, until, actor],
  };
  const detail = { target, reason, ...(until ? { until: until.toISOString() } : {}) };
  const record = auditPart({ actor, action: 'claim-exception.added', subject, detail }, 'claim_excepted');
  await q.runParts([added, record], 'select 1');
}

/** False: there was none. */
export async function removeException(
  q: Queryable,
  { target, sub, actor, subject }: Doing,
): Promise<boolean> {
  const removed: Part = {
    name: 'claim_exception_gone',
    text: 'delete from claim_exceptions where target = $1::text and sub = $2::text returning 1',
    values: [target, sub],
  };
  const record = auditPart(
    { actor, action: 'claim-exception.removed', subject, detail: { target } },
    'claim_exception_gone',
  );
  return (await q.runParts([removed, record], 'select 1 from claim_exception_gone')).length > 0;
}

const LIST = statement(`select target, sub, reason, until, actor, at from claim_exceptions e where ${COUNTS}
    and ($1::text is null or target = $1) and ($2::text is null or sub = $2)
  order by at desc, target, sub limit $3`);

/** Those that count, the newest first. */
export const listExceptions = (
  q: Queryable,
  { target, sub }: { readonly target?: string | undefined; readonly sub?: string | undefined },
  limit: number,
): Promise<ClaimException[]> => q.run<ClaimException>(LIST, [target ?? null, sub ?? null, limit]);

const COUNT = statement(
  `select count(*)::int as people from claim_exceptions e where target = $1 and ${COUNTS}`,
);

export async function countExceptions(q: Queryable, target: string): Promise<number> {
  const [row] = await q.run<{ people: number }>(COUNT, [target]);
  return row?.people ?? 0;
}

const AMONG = statement(
  `select sub from claim_exceptions e where target = $1 and sub = any($2::text[]) and ${COUNTS}`,
);

/** Who of these is excepted now. */
export async function exceptedAmong(
  q: Queryable,
  target: string,
  subs: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await q.run<{ sub: string }>(AMONG, [target, subs]);
  return new Set(rows.map(({ sub }) => sub));
}

/** A part named `claim_exception`: a row if this person is excepted now. */
export const exceptionPart = ({ target, sub }: At): Part => ({
  name: 'claim_exception',
  text: `select 1 from claim_exceptions e where target = $1::text and sub = $2::text and ${COUNTS}`,
  values: [target, sub],
});

const FORGET = statement('delete from claim_exceptions where target = $1 and sub = $2');
/** Somebody is forgotten, and that they were excepted with them. */
export const forgetException = async (q: Queryable, target: string, sub: string): Promise<void> => {
  await q.run(FORGET, [target, sub]);
};
