/** A page of people, each compared with whoever at the target could be them, and written down in one statement. */
import { FootbridgeError } from '../../errors.ts';
import type { Db } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { LedgerRow } from '../ledger.ts';
import type { Left, Person, Verdict } from './classify.ts';
import { classify } from './classify.ts';
import type { Compared } from './compared.ts';
import { basesOf, comparedManyPart } from './compared.ts';
import type { Comparing } from './deps.ts';
import { fieldsOf, rulesOf } from './deps.ts';
import { differencesPart } from './differences.ts';
import { lookAgain } from './fresh-look.ts';
import type { Base } from './marks.ts';
import type { Run } from './reconciliations.ts';
import { keep } from './reconciliations.ts';
import { counted } from './tally.ts';
import { idsOf } from './target-pages.ts';
import type { Right } from './target-side.ts';
import { candidates, metPart } from './target-side.ts';

/** The server has crashed since, and the target's side is lost. */
export class TargetSideLost extends FootbridgeError {
  constructor() {
    super('storage_unavailable', { detail: 'our server has crashed meanwhile: verify again' });
  }
}

export interface Somebody {
  readonly sub: string;
  readonly left: Left;
  readonly row: LedgerRow | undefined;
}

export interface Page {
  readonly people: readonly Somebody[];
  /** Where the next one begins. */
  readonly after: string | null;
}

/** Throws TargetSideLost, batch_state. */
export async function judge(comparing: Comparing, run: Run, page: Page): Promise<Run> {
  const people = await personsOf(comparing, run, page.people);
  const rules = rulesOf(comparing, fieldsOf(comparing, run.position.told));
  const { deps } = comparing;
  const judged: { readonly person: Person; readonly verdict: Verdict }[] = [];
  for (const person of people) {
    const first = { person, verdict: classify(person, rules) };
    judged.push(
      first.verdict.differences.length > 0 && hasMovedSince(run, person)
        ? await judgedAgain(comparing, person, rules)
        : first,
    );
  }
  const tally = judged.reduce(
    (sum, { person: { sub }, verdict }) => counted(sum, sub, verdict),
    run.position.tally,
  );
  const met = people.flatMap(({ rights }) => rights.map(({ targetUserId }) => targetUserId));
  const differences = judged.flatMap(({ verdict }) => verdict.differences);
  const bases = judged.flatMap(({ person, verdict }) => newBase(person, verdict));
  const position = { ...run.position, after: page.after, tally };
  const parts = [
    ...(met.length > 0 ? [metPart(run.id, met, 'run_kept')] : []),
    ...(differences.length > 0 ? [differencesPart(run.id, differences, 'run_kept')] : []),
    ...(bases.length > 0 ? [comparedManyPart(deps.target.name, bases, 'run_kept')] : []),
  ];
  return byIndexes(deps.db, (tx) => keep(tx, run, { position, parts }));
}

/** What was read of the target may be older than the move. */
const hasMovedSince = ({ startedAt }: Run, { row }: Person) =>
  row !== undefined && row.stateChangedAt >= startedAt;

async function judgedAgain(comparing: Comparing, old: Person, rules: Parameters<typeof classify>[1]) {
  const { sub, isMember, rights } = old;
  const targetUserIds = rights.map(({ targetUserId }) => targetUserId);
  const { person } = await lookAgain(comparing, { sub, isMember, targetUserIds });
  return { person, verdict: classify(person, rules) };
}

async function personsOf(
  { deps, reading, batch }: Comparing,
  run: Run,
  all: readonly Somebody[],
): Promise<readonly Person[]> {
  // Who comes twice in one page has a key that is none; whoever came last is compared.
  const people = [...new Map(all.map((one) => [one.sub, one])).values()];
  const subs = people.map(({ sub }) => sub);
  const ids = people.map(({ sub, row }) => idsOf(reading.target, sub, row));
  const legacyIds = people.flatMap(({ left }) => (left.kind === 'there' ? [left.legacyId] : []));
  const wanted = { subs, ids: ids.flat(), legacyIds };
  const { rights, bases } = await byIndexes(deps.db, async (tx) => ({
    rights: await candidates(tx, run.id, wanted),
    bases: await basesOf(tx, reading.target, subs),
  }));
  if (!rights) throw new TargetSideLost();
  const find = finderOf(rights);
  const isMember = batch !== undefined;
  return people.map(({ sub, left, row }, at) => {
    const own = ids[at]!;
    const legacyId = left.kind === 'there' ? left.legacyId : undefined;
    const rightsOf = find({ sub, ids: own, legacyId });
    return { sub, left, row, ownId: own[0]!, rights: rightsOf, base: bases.get(sub), isMember };
  });
}

function finderOf(rights: readonly Right[]) {
  const by = new Map<string, Right[]>();
  const put = (key: string, right: Right) => by.set(key, [...(by.get(key) ?? []), right]);
  for (const right of rights) {
    put(`id ${right.targetUserId}`, right);
    if (right.externalId !== null) put(`id ${right.externalId}`, right);
    if (right.sub !== null) put(`sub ${right.sub}`, right);
    else if (right.legacyId !== null) put(`legacy ${right.legacyId}`, right);
  }
  return ({ sub, ids, legacyId }: { sub: string; ids: readonly string[]; legacyId: string | undefined }) => {
    const keys = [`sub ${sub}`, ...ids.map((id) => `id ${id}`), `legacy ${legacyId}`];
    return [...new Set(keys.flatMap((key) => by.get(key) ?? []))];
  };
}

/** Written only where it says something new: most people are the same as last time. */
function newBase({ sub, base }: Person, { same }: Verdict): Compared[] {
  if (!same) return [];
  const known: Partial<Base> = base?.of === same.of ? base : {};
  const isNew = Object.entries(same).some(([field, mark]) => known[field as keyof Base] !== mark);
  return isNew ? [{ sub, digests: same }] : [];
}

/** Statements are planned once, maybe while the tables are still empty: a plan that reads all of them would stay. */
const BY_INDEXES = statement('set local enable_seqscan = off');

function byIndexes<T>(db: Db, work: Parameters<typeof db.transaction<T>>[0]): Promise<T> {
  return db.transaction(async (tx) => {
    await tx.run(BY_INDEXES);
    return work(tx);
  });
}
