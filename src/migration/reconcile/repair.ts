/** One line of a plan: checked again, done, and written down, whatever comes of it. */
import { auditPart } from '../../store/audit-log.ts';
import type { RepairDeps } from './act.ts';
import type { Difference } from './classify.ts';
import { classify } from './classify.ts';
import { comparedPart } from './compared.ts';
import { rulesOf } from './deps.ts';
import type { KeptDifference } from './differences.ts';
import { differencesOfPerson, triedPart } from './differences.ts';
import type { Look } from './fresh-look.ts';
import { lookAgain } from './fresh-look.ts';
import { strayOf } from './leftovers.ts';
import { markingOf, ownerMark } from './marks.ts';
import type { PlanLine } from './plan.ts';
import { differenceFor } from './plan.ts';
import type { DoneRun } from './reconciliations.ts';
import { isAllowed, isProfileField } from './repair-kinds.ts';
import { ACTS, problemOf } from './repairs.ts';

/** `planned`: a dry run would do it. */
export interface LineOutcome {
  readonly sub: string;
  readonly kind: PlanLine['kind'];
  readonly fields: PlanLine['fields'];
  readonly repair: PlanLine['repair'];
  readonly result: 'planned' | 'repaired' | 'skipped' | 'failed';
  /**
   * `nothing_to_do`; `unknown_difference`: no such one was found; `not_allowed`: this repair does not mend it;
   * `already_equal`; `changed_meanwhile`; or what the target, the ledger or the move said.
   */
  readonly reason?: string;
  readonly sentence?: string;
}

const SENTENCES = {
  nothing_to_do: 'The line says `none`.',
  unknown_difference: 'The verification has found no such difference: the line was changed too far.',
  not_allowed: 'This repair does not mend this kind of difference.',
  already_equal: 'Both sides are the same there by now.',
  changed_meanwhile: 'It is another difference by now: verify again.',
} as const;

const told = (
  line: PlanLine,
  result: LineOutcome['result'],
  reason?: keyof typeof SENTENCES,
): LineOutcome => {
  const { sub, kind, fields, repair } = line;
  return { sub, kind, fields, repair, result, ...(reason ? { reason, sentence: SENTENCES[reason] } : {}) };
};

/**
 * Doing the same line twice repairs once. Without `execute` nobody at either side is asked. Throws
 * storage_unavailable and legacy_unavailable; everything else is the line's outcome.
 */
export async function repairLine(
  deps: RepairDeps,
  run: DoneRun,
  { line, execute }: { readonly line: PlanLine; readonly execute: boolean },
): Promise<LineOutcome> {
  const found = differenceFor(line, await differencesOfPerson(deps.comparing.deps.db, run.id, line));
  if (!found) return told(line, 'skipped', 'unknown_difference');
  if (line.repair === 'none') return told(line, 'skipped', 'nothing_to_do');
  if (!isAllowed(line.repair, line.kind, line.fields)) return told(line, 'skipped', 'not_allowed');
  if (!execute) return told(line, 'planned');
  const outcome = await tried(deps, run, { line, found });
  await writeDown(deps, run, { found, outcome });
  return outcome;
}

interface Tried {
  readonly line: PlanLine;
  readonly found: KeptDifference;
}

async function tried(deps: RepairDeps, run: DoneRun, { line, found }: Tried): Promise<LineOutcome> {
  try {
    const look = await lookedAt(deps, run, found);
    const now = differencesNow(deps, run, look);
    const same = sameAs({ line, found }, now);
    if (same === 'already_equal' || same === 'changed_meanwhile') return told(line, 'skipped', same);
    const { sub, fields, repair } = line;
    if (repair !== 'none') await ACTS[repair](deps, { sub, fields, ...sidesOf(same), look });
    await remember(deps, line, same);
    return told(line, 'repaired');
  } catch (error) {
    const { code, sentence } = problemOf(error);
    return { ...told(line, code === 'changed_meanwhile' ? 'skipped' : 'failed'), reason: code, sentence };
  }
}

/** Whoever changes one side from here on is known to have. */
async function remember({ comparing }: RepairDeps, line: PlanLine, same: Difference): Promise<void> {
  const { db, keyring, target } = comparing.deps;
  const fields = line.fields.filter((field) => isProfileField(field) || field === 'state');
  const [targetUserId] = same.targetUserIds;
  if (fields.length === 0 || targetUserId === undefined) return;
  const marks = Object.fromEntries(fields.map((field) => [field, same.left[field] ?? '']));
  const of = ownerMark(markingOf(keyring, target.name, targetUserId));
  await db.runParts([comparedPart(target.name, { sub: line.sub, digests: { of, ...marks } })], 'select 1');
}

const sidesOf = ({ targetUserIds, right }: Difference) => ({ targetUserIds, right });

/** Somebody who is only at the target goes by their id there. */
async function lookedAt(
  { comparing }: RepairDeps,
  { report }: DoneRun,
  { sub, targetUserIds }: KeptDifference,
): Promise<Look> {
  const look = await lookAgain(comparing, { sub, targetUserIds, isMember: report.batch !== null });
  const isStray = targetUserIds.includes(sub);
  const [right] = look.person.rights;
  return isStray && right?.sub === null && right.legacyId !== null
    ? { ...look, person: strayOf(right) }
    : look;
}

function differencesNow({ comparing }: RepairDeps, { report }: DoneRun, { person }: Look) {
  return classify(person, rulesOf(comparing, new Set(report.fields.compared))).differences;
}

/** The same difference as it was found, in all that the line is about. */
function sameAs(
  { line, found }: Tried,
  now: readonly Difference[],
): Difference | 'already_equal' | 'changed_meanwhile' {
  const of = now.filter(({ kind }) => kind === line.kind);
  if (line.fields.length === 0) {
    const same = of.find(({ targetUserIds }) => areSame(targetUserIds, found.targetUserIds));
    return same ?? (now.length === 0 ? 'already_equal' : 'changed_meanwhile');
  }
  const same = of.find((difference) =>
    line.fields.every(
      (field) =>
        difference.fields.includes(field) &&
        difference.left[field] === found.left[field] &&
        difference.right[field] === found.right[field],
    ),
  );
  if (same) return same;
  const isOpen = now.some(
    ({ fields }) => fields.length === 0 || fields.some((field) => line.fields.includes(field)),
  );
  return isOpen ? 'changed_meanwhile' : 'already_equal';
}

const areSame = (a: readonly string[], b: readonly string[]) =>
  a.length === b.length && a.every((id) => b.includes(id));

async function writeDown(
  { comparing, pseudonym, actor }: RepairDeps,
  { id, target }: DoneRun,
  { found, outcome }: { readonly found: KeptDifference; readonly outcome: LineOutcome },
): Promise<void> {
  const { sub, kind, fields, repair, result, reason, sentence } = outcome;
  const isMended = result === 'repaired' || reason === 'already_equal';
  const problem = isMended ? undefined : { code: reason ?? 'internal', ...(sentence ? { sentence } : {}) };
  const detail = { target, reconciliation: id, kind, fields, repair, result, ...(reason ? { reason } : {}) };
  await comparing.deps.db.runParts(
    [
      triedPart(id, { sub: found.sub, kind: found.kind, repair: found.repair, problem }),
      auditPart({ actor, action: 'reconciliation.repair', subject: pseudonym(sub), detail }),
    ],
    'select 1',
  );
}
