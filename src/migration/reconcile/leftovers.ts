/** Who is at the target and was compared with nobody: people whom the legacy store does not have any more, or never had. */
import type { LedgerRow } from '../ledger.ts';
import type { Person } from './classify.ts';
import { classify } from './classify.ts';
import type { Comparing } from './deps.ts';
import { fieldsOf, rulesOf } from './deps.ts';
import { differencesPart } from './differences.ts';
import { judge, TargetSideLost } from './judging.ts';
import { lookUp, PAGE } from './legacy-pages.ts';
import type { Run } from './reconciliations.ts';
import { keep, toPhase } from './reconciliations.ts';
import { leftOf } from './should-be.ts';
import { counted } from './tally.ts';
import type { Right } from './target-side.ts';
import { candidates, unmetPage } from './target-side.ts';

/** Rows of the target's side that are looked at for whoever is left. */
const REST_PAGE = 2_000;

/** A page of the ledger: of whomever the legacy store did not have, those who are at the target. */
export async function ledgerStep(comparing: Comparing, run: Run): Promise<Run> {
  const { deps } = comparing;
  const rows = await deps.ledger.page(deps.target.name, run.position.after ?? '', PAGE);
  const left = await judgeLeft(comparing, run, await unmetOf(comparing, run, rows));
  const { position } = left;
  const next = rows.length < PAGE ? toPhase(position, 'rest') : { ...position, after: rows.at(-1)!.sub };
  return keep(deps.db, left, { position: next, parts: [] });
}

/** Rows with somebody at the target who was compared with nobody yet. */
async function unmetOf(
  { deps }: Comparing,
  run: Run,
  rows: readonly LedgerRow[],
): Promise<ReadonlyMap<string, LedgerRow>> {
  const subs = rows.map(({ sub }) => sub);
  const ids = rows.flatMap(({ targetUserId }) => (targetUserId === null ? [] : [targetUserId]));
  const rights = await candidates(deps.db, run.id, { subs, ids, legacyIds: [], onlyUnmet: true });
  if (!rights) throw new TargetSideLost();
  const there = new Set(rights.flatMap(({ sub, targetUserId }) => [`sub ${sub}`, `id ${targetUserId}`]));
  const unmet = rows.filter((row) => there.has(`sub ${row.sub}`) || there.has(`id ${row.targetUserId}`));
  return new Map(unmet.map((row) => [row.sub, row]));
}

/** The legacy store is asked for each once more: they may have come to it meanwhile. */
async function judgeLeft(
  comparing: Comparing,
  run: Run,
  rows: ReadonlyMap<string, LedgerRow | undefined>,
): Promise<Run> {
  if (rows.size === 0) return run;
  const { deps, shouldBe } = comparing;
  const entries = await lookUp(deps.directory, [...rows.keys()]);
  const people = await Promise.all(
    entries.map(async ({ sub, entry }) => ({
      sub,
      left: await leftOf(shouldBe, entry),
      row: rows.get(sub),
    })),
  );
  return judge(comparing, run, { people, after: run.position.after });
}

/** A page of those who are left: linked to us, with our metadata only, or none of ours. */
export async function restStep(comparing: Comparing, run: Run): Promise<Run> {
  const { deps } = comparing;
  const { after } = run.position;
  const page = await unmetPage(deps.db, run.id, { after: after ?? '', limit: REST_PAGE });
  if (!page) throw new TargetSideLost();
  const subs = [...new Set(page.rights.flatMap(({ sub }) => (sub === null ? [] : [sub])))];
  const rows = new Map((await deps.ledger.of(deps.target.name, subs)).map((row) => [row.sub, row]));
  const left = await judgeLeft(comparing, run, new Map(subs.map((sub) => [sub, rows.get(sub)])));
  return judgeStrays(comparing, left, {
    strays: page.rights.filter(({ sub }) => sub === null),
    foreign: page.unmet - page.rights.length,
    after: page.last ?? after,
  });
}

interface Strays {
  readonly strays: readonly Right[];
  readonly foreign: number;
  readonly after: string | null;
}

function judgeStrays(comparing: Comparing, run: Run, { strays, foreign, after }: Strays): Promise<Run> {
  const rules = rulesOf(comparing, fieldsOf(comparing, run.position.told));
  const judged = strays.map((right) => ({
    sub: right.targetUserId,
    verdict: classify(strayOf(right), rules),
  }));
  const differences = judged.flatMap(({ verdict }) => verdict.differences);
  const counts = judged.reduce((sum, { sub, verdict }) => counted(sum, sub, verdict), run.position.tally);
  const tally = { ...counts, foreign: counts.foreign + foreign };
  const parts = differences.length > 0 ? [differencesPart(run.id, differences, 'run_kept')] : [];
  return keep(comparing.deps.db, run, { position: { ...run.position, after, tally }, parts });
}

/** Only our metadata says that they were one of ours: they go by their id at the target. */
export const strayOf = (right: Right): Person => ({
  sub: right.targetUserId,
  left: { kind: 'gone' },
  row: undefined,
  ownId: right.targetUserId,
  rights: [right],
  base: undefined,
  isMember: false,
});
