/** The legacy password of people of a phase ends: whoever has been at the target for so long is cut over, a page at a time. */

import { auditDetail } from '../../store/audit-log.ts';
import type { Db } from '../../store/db.ts';
import { rowsPart } from '../../store/statement.ts';
import { moveEachParts, standingsPart } from '../ledger.ts';
import type { State } from '../states.ts';
import type { PhaseName } from './phase-batches.ts';
import { phaseAssigned } from './return-tally.ts';

export interface CutOverDeps {
  readonly db: Db;
  readonly pseudonym: (sub: string) => Buffer;
  /** Whether the target lacks the newest password of theirs: their old one would open nothing any more. */
  readonly lacksPassword: (sub: string) => Promise<boolean>;
  readonly nowMs: () => number;
}

export interface CutOverRequest extends PhaseName {
  readonly migratedDays: number;
  readonly actor: string;
}

export interface CutOverTally {
  /** Assigned to the phase, and not taken back. */
  readonly people: number;
  /** Were cut over now, or would be. */
  readonly cut: number;
  /** Before. */
  readonly already: number;
  /** Migrated, and not for so long yet. */
  readonly tooNew: number;
  /** Migrated, and the newest password is not at the target yet. */
  readonly passwordWaits: number;
  /** Not, or not wholly, at the target. */
  readonly notThere: number;
  /** The first of whom it is about. */
  readonly examples: readonly string[];
}

const PAGE_USERS = 500;
const DAY_MS = 86_400_000;
const EXAMPLES = 5;

interface Row {
  readonly sub: string;
  readonly state: State | null;
  readonly migratedAt: Date | null;
}

type Verdict = Exclude<keyof CutOverTally, 'people' | 'examples'>;

/** Said again, it goes on: whoever is cut over is not looked at twice. Throws storage_unavailable. */
export async function cutOver(
  deps: CutOverDeps,
  request: CutOverRequest,
  { execute, signal }: { readonly execute: boolean; readonly signal?: AbortSignal | undefined },
): Promise<CutOverTally & { readonly isInterrupted: boolean }> {
  const tally = { people: 0, cut: 0, already: 0, tooNew: 0, passwordWaits: 0, notThere: 0 };
  const examples: string[] = [];
  const untilMs = deps.nowMs() - request.migratedDays * DAY_MS;
  for (let after = ''; ; ) {
    if (signal?.aborted) return { ...tally, examples, isInterrupted: true };
    const page = await pageOf(deps.db, request, after);
    const ripe: string[] = [];
    for (const row of page) {
      const verdict = await verdictOf(deps, row, untilMs);
      tally.people += 1;
      if (verdict === 'cut') ripe.push(row.sub);
      else tally[verdict] += 1;
    }
    examples.push(...ripe.slice(0, EXAMPLES - examples.length));
    tally.cut += execute ? await cut(deps, request, ripe) : ripe.length;
    const last = page.at(-1);
    if (!last || page.length < PAGE_USERS) return { ...tally, examples, isInterrupted: false };
    after = last.sub;
  }
}

const pageOf = (db: Db, name: PhaseName, after: string): Promise<Row[]> =>
  db.runParts<Row>(
    [phaseAssigned(name, { after, limit: PAGE_USERS }), standingsPart(name.target, 'phase_assigned')],
    'select a.sub, s.state, s."migratedAt" from phase_assigned a left join ledger_standings s using (sub) order by a.sub',
  );

async function verdictOf(
  deps: CutOverDeps,
  { sub, state, migratedAt }: Row,
  untilMs: number,
): Promise<Verdict> {
  if (state === 'cut-over' || state === 'retired') return 'already';
  if (state !== 'migrated') return 'notThere';
  if (migratedAt === null || migratedAt.getTime() > untilMs) return 'tooNew';
  return (await deps.lacksPassword(sub)) ? 'passwordWaits' : 'cut';
}

/** How many of them: whoever was taken back, or forgotten, a moment ago is not. */
async function cut(
  { db, pseudonym }: CutOverDeps,
  { target, phase, actor, migratedDays }: CutOverRequest,
  subs: readonly string[],
): Promise<number> {
  if (subs.length === 0) return 0;
  const detail = auditDetail({ target, phase, migratedDays });
  const rows = rowsPart('ripe', {
    sub: ['text', subs],
    subject: ['bytea', subs.map((sub) => pseudonym(sub))],
    detail: ['jsonb', subs.map(() => detail)],
  });
  const events = ['cut-over'] as const;
  const moves = moveEachParts({ target, actor, events, action: 'ledger.cut-over' }, 'ripe');
  return (await db.runParts([rows, ...moves], 'select sub from ledger_row')).length;
}
