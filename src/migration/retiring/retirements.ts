/** How far the end of the legacy store has come for each target, in our database. */
import { FootbridgeError } from '../../errors.ts';
import type { Json } from '../../store/audit-log.ts';
import { appendAudit } from '../../store/audit-log.ts';
import type { Db, Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';

export const RETIREMENT_STATES = ['open', 'redirecting', 'wiping', 'retired'] as const;
export type RetirementState = (typeof RETIREMENT_STATES)[number];

/** Where each state may lead. What is wiped is gone: only a redirect can be taken back. */
export const RETIREMENT_WAYS: Readonly<Record<RetirementState, readonly RetirementState[]>> = {
  open: ['redirecting'],
  redirecting: ['open', 'wiping'],
  wiping: ['wiping', 'retired'],
  retired: [],
};

export interface Retirement {
  readonly target: string;
  readonly state: RetirementState;
  readonly since: Date;
  readonly actor: string;
  /** What was found when the redirect was begun. */
  readonly criteria: readonly Json[];
  /** What was noted on the way: accepted tails, evidence. */
  readonly detail: Readonly<Record<string, Json>>;
}

const ONE = statement(
  'select target, state, since, actor, criteria, detail from retirements where target = $1',
);

/** `open` where nothing was begun. */
export async function retirementOf(q: Queryable, target: string): Promise<Retirement> {
  const [row] = await q.run<Retirement>(ONE, [target]);
  return row ?? { target, state: 'open', since: new Date(0), actor: '', criteria: [], detail: {} };
}

const OVER = statement(`select target, state from retirements where state <> 'open'`);
/** The targets whose old login is over. */
export const overTargets = (
  q: Queryable,
): Promise<{ readonly target: string; readonly state: RetirementState }[]> => q.run(OVER);

const TURN = statement(`insert into retirements as r (target, state, actor, criteria, detail)
  select $1::text, $2::text, $3::text, coalesce($4::jsonb, '[]'), $5::jsonb
  where 'open' = any($6::text[]) or exists (select from retirements where target = $1::text)
  on conflict (target) do update set state = excluded.state, actor = excluded.actor,
    since = case when r.state = excluded.state then r.since else now() end,
    criteria = coalesce($4::jsonb, r.criteria), detail = r.detail || excluded.detail
    where r.state = any($6::text[]) returning state`);

export interface Turn {
  readonly target: string;
  readonly to: RetirementState;
  readonly actor: string;
  readonly criteria?: readonly Json[];
  /** Put beside what is there. */
  readonly detail?: Readonly<Record<string, Json>>;
}

/** With its record. Throws retirement_state. */
export async function turnRetirement(db: Db, turn: Turn): Promise<void> {
  const { target, to, actor, criteria, detail = {} } = turn;
  const from = RETIREMENT_STATES.filter((state) => RETIREMENT_WAYS[state].includes(to));
  await db.transaction(async (tx) => {
    const said = criteria === undefined ? null : JSON.stringify(criteria);
    const values = [target, to, actor, said, JSON.stringify(detail), from];
    const [turned] = await tx.run(TURN, values);
    if (!turned) throw notFrom((await retirementOf(tx, target)).state, to);
    await appendAudit(tx, { actor, action: `retirement.${to}`, detail: { target, ...detail } });
  });
}

/** Before anything is said of what would be done. Throws retirement_state. */
export function checkTurn({ state }: Pick<Retirement, 'state'>, to: RetirementState): void {
  if (!RETIREMENT_WAYS[state].includes(to)) throw notFrom(state, to);
}

const NEEDED: Readonly<Record<RetirementState, string>> = {
  open: 'Only a redirect can be taken back.',
  redirecting: 'It was redirected already.',
  wiping: 'The old login has to be redirected first: footbridge retire redirect.',
  retired: 'Secrets have to be wiped first: footbridge retire wipe.',
};

const notFrom = (state: RetirementState, to: RetirementState) =>
  new FootbridgeError('retirement_state', { detail: `It is ${state}. ${NEEDED[to]}` });

const NOTE = statement('update retirements set detail = detail || $2::jsonb where target = $1');
export const noteRetirement = async (
  q: Queryable,
  target: string,
  detail: Readonly<Record<string, Json>>,
): Promise<void> => {
  await q.run(NOTE, [target, JSON.stringify(detail)]);
};
