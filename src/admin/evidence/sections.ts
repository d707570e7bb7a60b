/** What a pack holds besides the audit log, section by section: read in pages, in an order that is always the same. */
import { counts, ledgerPage } from '../../migration/ledger.ts';
import type { LedgerRow } from '../../migration/ledger-row.ts';
import { lastWholeReport } from '../../migration/reconcile/reconciliations.ts';
import { countWipes, wipesPage } from '../../migration/retiring/wipes.ts';
import { riverOf } from '../../rollout/days.ts';
import { keptForecasts } from '../../rollout/forecast-kept.ts';
import { phaseRows, planVersions, switchRows } from '../../rollout/phases.ts';
import type { Queryable } from '../../store/db.ts';
import { lastReport } from '../../sync/reports.ts';
import type { LinesFile, PackWriter } from './pack-writing.ts';
import type { Naming } from './people.ts';
import { planWithout, reportWithout } from './people.ts';
import { writeReceipts } from './receipts-section.ts';

export interface Source extends Naming {
  /** One snapshot of our database. */
  readonly q: Queryable;
  readonly target: string;
  readonly onPeople?: ((people: number) => void) | undefined;
}

const PAGE_PEOPLE = 1_000;
/** More of either nobody has written. */
const MAX_FORECASTS = 1_000;
const MAX_VERSIONS = 1_000;
const EVER = { from: '0001-01-01', to: '9999-12-31' } as const;

const iso = (at: Date | null) => at?.toISOString() ?? null;

async function* pages<Row extends { readonly sub: string }>(
  read: (after: string) => Promise<readonly Row[]>,
): AsyncGenerator<readonly Row[]> {
  for (let after = ''; ; ) {
    const page = await read(after);
    if (page.length > 0) yield page;
    if (page.length < PAGE_PEOPLE) return;
    after = page.at(-1)!.sub;
  }
}

/** Everybody of the ledger; whoever is deleted in `deletions` as well. */
export async function writeLedger(source: Source, pack: PackWriter, deletions: LinesFile): Promise<void> {
  const { q, target, pseudonym, onPeople } = source;
  const ledger = await pack.lines(
    'ledger.jsonl',
    'Where everybody stands who ever came to the ledger of this target. Whoever is in none of these lines never came.',
  );
  let people = 0;
  for await (const page of pages((after) => ledgerPage(q, target, after, PAGE_PEOPLE))) {
    for (const row of page) {
      await ledger.add(ledgerRow(row, source));
      if (row.state === 'deleted')
        await deletions.add({
          kind: 'tombstone',
          person: pseudonym(row.sub),
          since: iso(row.stateChangedAt),
        });
    }
    people += page.length;
    onPeople?.(people);
  }
}

function ledgerRow(row: LedgerRow, { names, pseudonym }: Naming) {
  const { sub, legacyId, targetUserId, state, version, password, made, removals } = row;
  return {
    person: pseudonym(sub),
    ...(names ? { sub, legacyId, targetUserId } : {}),
    ...{ state, since: iso(row.stateChangedAt), version },
    ...{ provedAt: iso(row.provedAt), releasedAt: iso(row.releasedAt) },
    ...{ createdAt: iso(row.createdAt), migratedAt: iso(row.migratedAt), password, made, removals },
  };
}

export async function writeWipes({ q, target, pseudonym }: Source, pack: PackWriter): Promise<void> {
  const wipes = await pack.lines(
    'wipes.jsonl',
    'Whose secrets were wiped from our database: rows by place, what became of the link to us, and how many rows were found afterwards.',
  );
  for await (const page of pages((after) => wipesPage(q, target, after, PAGE_PEOPLE)))
    for (const { sub, link, wiped, at } of page)
      await wipes.add({ person: pseudonym(sub), link, wiped, left: 0, at: iso(at) });
}

export async function writeCoverage({ q, target }: Source, pack: PackWriter): Promise<void> {
  const states = (await counts(q)).filter((one) => one.target === target);
  const links = await countWipes(q, target);
  const value = {
    states: Object.fromEntries(states.map(({ state, users }) => [state, users])),
    links: Object.fromEntries(links.map(({ link, people }) => [link, people])),
    days: await riverOf(q, target, EVER),
    forecasts: await keptForecasts(q, target, MAX_FORECASTS),
  };
  const holds =
    'How many stand where, where they stood at the end of each day, and what was foreseen when, to be held against it.';
  await pack.document('coverage.json', value, holds);
}

export async function writeReconciliation(source: Source, pack: PackWriter): Promise<void> {
  const { q, target, names } = source;
  const [report, ended] = [await lastWholeReport(q, target), await lastReport(q, target)];
  const value = {
    report: report ? reportWithout(report, source) : null,
    sync: ended
      ? {
          ...{ id: ended.id, at: iso(ended.at) },
          report: { ...ended.report, reconciliation: reportWithout(ended.report.reconciliation, source) },
          // Signed with its examples: what is left out of it is not what was signed.
          signed: names ? ended.signed : null,
        }
      : null,
  };
  const holds =
    'The last comparison of everybody on both sides, and the report with which sync ended; signed as it was where people are named.';
  await pack.document('reconciliation.json', value, holds);
}

export async function writeRollout(source: Source, rollout: LinesFile): Promise<void> {
  const { q, target } = source;
  for (const { version, note, actor, at, plan } of (
    await planVersions(q, target, { limit: MAX_VERSIONS })
  ).toReversed())
    await rollout.add({ kind: 'plan', version, note, actor, at: iso(at), plan: planWithout(plan, source) });
  for (const row of (await phaseRows(q, target)).toSorted((a, b) => (a.phase < b.phase ? -1 : 1)))
    await rollout.add({ kind: 'phase', ...row });
  for (const row of await switchRows(q, target)) await rollout.add({ ...row, kind: 'switch', of: row.kind });
}

export const openDeletions = (pack: PackWriter): Promise<LinesFile> =>
  pack.lines(
    'deletions.jsonl',
    'Who was deleted (tombstones), what was erased and wiped when and by whom, and the signed receipts of erasures and exports.',
  );
export const openRollout = (pack: PackWriter): Promise<LinesFile> =>
  pack.lines(
    'rollout.jsonl',
    'Every version of the plan, phases and switches as they stand, and each decision about them, approvals included.',
  );
export const openSecrets = (pack: PackWriter): Promise<LinesFile> =>
  pack.lines(
    'secret-access.jsonl',
    'Every time that secrets of somebody were released or shown, and to whom.',
  );

export { writeReceipts };
