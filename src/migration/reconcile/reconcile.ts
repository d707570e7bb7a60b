/**
 * Verifies that a target has whom it should have, as they should be: the target is read first and written down as keyed
 * digests, then the legacy store or the batch is read page by page and each page compared. Memory does not grow with the
 * users, and whatever is killed goes on after the last page that was kept.
 */
import { createHash } from 'node:crypto';
import { appendAudit } from '../../store/audit-log.ts';
import type { Db } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Comparing, ReconcileDeps } from './deps.ts';
import { comparingWith, fieldsOf } from './deps.ts';
import { judge, TargetSideLost } from './judging.ts';
import { ledgerStep, restStep } from './leftovers.ts';
import { legacyPages } from './legacy-pages.ts';
import type { ComparedField } from './marks.ts';
import { COMPARED_FIELDS } from './marks.ts';
import type { Position, Run } from './reconciliations.ts';
import { beginAgain, finishRun, keep, openRun, toPhase } from './reconciliations.ts';
import type { Leads } from './repair-kinds.ts';
import type { ReconciliationReport } from './report.ts';
import { reportOf } from './report.ts';
import { leftOf } from './should-be.ts';
import { coverageOf, targetPage } from './target-pages.ts';
import type { Right } from './target-side.ts';
import { ANALYZE_TARGET_SIDE, rightOf, rightsPart, SENTINEL } from './target-side.ts';

export interface ReconcileOptions {
  /** Only its people; undefined: everybody of the legacy store and of the target. */
  readonly batch?: string | undefined;
  readonly leads?: Leads | undefined;
  /** Begins afresh instead of going on with one that was cut off. */
  readonly restart?: boolean | undefined;
  /** Who asks, for the audit log. */
  readonly actor: string;
  /** After every page. */
  readonly onPage?: (run: Run) => void;
}

/**
 * Throws batch_state when another process has taken over, legacy_unavailable, target_unavailable, target_refused,
 * storage_unavailable, config_invalid where the store cannot be read from end to end.
 */
export async function reconcile(
  deps: ReconcileDeps,
  options: ReconcileOptions,
): Promise<ReconciliationReport> {
  const { db, target } = deps;
  const { batch, leads, restart = false, actor, onPage } = options;
  const comparing = await comparingWith(deps, { leads, batch });
  const settings = { batch: batch ?? null, leads: leads ?? null, rules: rulesFingerprint(comparing) };
  const coverage = await coverageOf(deps, batch);
  const opened = await openRun(db, { target: target.name, settings, actor, restart, coverage });
  const run = await throughAll(comparing, opened, (page) => onPage?.(page));
  const report = reportOf({
    run,
    target,
    batch,
    leads,
    compared: fieldsOf(comparing, run.position.told),
    softwareVersion: deps.softwareVersion,
    auditHead: await deps.auditHead(),
  });
  await finishRun(db, run, report);
  const { id, differences, people, checksum } = report;
  const detail = { target: target.name, batch: batch ?? null, id, differences: differences.total };
  await appendAudit(db, {
    actor,
    action: 'reconciliation.finished',
    detail: { ...detail, people: people.people, equal: people.equal, checksum },
  });
  return report;
}

/** Whatever changes what should be at the target. */
function rulesFingerprint({ deps: { target }, reading }: Comparing): string {
  const rules = [target.kind, target.users, target.accepts, target.totp, reading.ourIdp ?? null];
  return createHash('sha256').update(JSON.stringify(rules)).digest('hex').slice(0, 32);
}

type Told = (run: Run) => void;
/** One page of a phase: the run after it, and whether the phase goes on. */
type Step = (comparing: Comparing, run: Run) => Promise<Run>;

async function throughAll(comparing: Comparing, opened: Run, told: Told): Promise<Run> {
  try {
    return await phases(comparing, opened, told);
  } catch (error) {
    if (!(error instanceof TargetSideLost)) throw error;
    return phases(comparing, await beginAgain(comparing.deps.db, opened), told);
  }
}

async function phases(comparing: Comparing, opened: Run, told: Told): Promise<Run> {
  let run = opened;
  if (run.position.phase === 'target') run = await throughPages(comparing, run, { step: targetStep, told });
  if (run.position.phase === 'legacy') run = await legacyPhase(comparing, run, told);
  if (comparing.batch !== undefined) return run;
  if (run.position.phase === 'ledger') run = await throughPages(comparing, run, { step: ledgerStep, told });
  return throughPages(comparing, run, { step: restStep, told });
}

/** Until the phase is another one. */
async function throughPages(
  comparing: Comparing,
  opened: Run,
  { step, told }: { readonly step: Step; readonly told: Told },
): Promise<Run> {
  const { phase } = opened.position;
  let run = opened;
  for (;;) {
    const { after } = run.position;
    run = await step(comparing, run);
    told(run);
    if (run.position.phase !== phase || (phase === 'rest' && run.position.after === after)) return run;
  }
}

async function targetStep({ deps, reading, batch }: Comparing, run: Run): Promise<Run> {
  const { position } = run;
  const { coverage, after, tally } = position;
  const { users, next } = await targetPage(deps, { coverage, batch, after });
  const rights = users.filter(({ state }) => state !== 'deleted').map((user) => rightOf(reading, user));
  const written = after === null ? [SENTINEL, ...rights] : rights;
  const read: Position = {
    ...position,
    told: withTold(position.told, rights),
    tally: { ...tally, targetUsers: tally.targetUsers + rights.length },
  };
  const later = next === undefined ? toPhase(read, 'legacy') : { ...read, after: next };
  const parts = written.length > 0 ? [rightsPart(run.id, written, 'run_kept')] : [];
  const kept = await keep(deps.db, run, { position: later, parts });
  if (next === undefined) await analyze(deps.db);
  return kept;
}

/** A field that nobody at the target has is one that it does not tell, as far as anybody can see. */
function withTold(told: Position['told'], rights: readonly Right[]): Position['told'] {
  const seen = new Set<ComparedField>(told);
  for (const { marks, legacyId } of rights) {
    if (legacyId !== null) seen.add('legacyId');
    for (const field of COMPARED_FIELDS) if (marks[field]) seen.add(field);
  }
  return COMPARED_FIELDS.filter((field) => seen.has(field));
}

const PATIENCE = statement("set local statement_timeout = '10min'");
const analyze = (db: Db) =>
  db.transaction(async (tx) => {
    await tx.run(PATIENCE);
    await tx.run(ANALYZE_TARGET_SIDE);
  });

/** Everybody whom the legacy store has, or everybody of the batch. */
async function legacyPhase(comparing: Comparing, opened: Run, told: Told): Promise<Run> {
  const { deps, shouldBe } = comparing;
  let run = opened;
  for await (const { people, after } of legacyPages(comparing, opened.position.after ?? '')) {
    const subs = people.map(({ sub }) => sub);
    const rows = new Map((await deps.ledger.of(deps.target.name, subs)).map((row) => [row.sub, row]));
    const page = await Promise.all(
      people.map(async ({ sub, entry }) => ({
        sub,
        left: await leftOf(shouldBe, entry),
        row: rows.get(sub),
      })),
    );
    run = await judge(comparing, run, { people: page, after: after ?? run.position.after });
    told(run);
  }
  return keep(deps.db, run, { position: toPhase(run.position, 'ledger'), parts: [] });
}
