/** Everything that is known of one person, asked for side by side. What does not answer in time leaves its own part out. */
import { FootbridgeError } from '../../../errors.ts';
import type { BatchUser } from '../../../migration/batch/batch.ts';
import { batchesOfPerson } from '../../../migration/batch/batch-users.ts';
import type { LedgerRow } from '../../../migration/ledger.ts';
import { states } from '../../../migration/ledger.ts';
import type { ListedWork } from '../../../migration/moving/target-work.ts';
import { workOf } from '../../../migration/moving/target-work.ts';
import type { AssignmentRow } from '../../../rollout/assignments.ts';
import { assignmentsOf } from '../../../rollout/assignments.ts';
import type { Snapshot } from '../../../rollout/deciding.ts';
import { auditPage } from '../../../store/audit-pages.ts';
import type { FoundUser } from '../../../targets/connection.ts';
import type { LegacyEntry, User } from '../../../user.ts';
import type { PersonLinks } from '../../claim-tokens/person-links.ts';
import { linksOfPerson } from '../../claim-tokens/person-links.ts';
import type { Desk } from '../../operation.ts';
import type { SyncedPerson } from '../../sync/person.ts';
import { syncOfPerson } from '../../sync/person.ts';
import type { Known } from '../known.ts';
import { known, valueOr } from '../known.ts';

export interface AtTarget {
  readonly target: string;
  readonly row: LedgerRow | undefined;
  readonly assignments: readonly AssignmentRow[];
  /** Undefined: there is no plan. */
  readonly plan: Snapshot | undefined;
  /** As the target has them; undefined: nobody was asked, or nobody is there. */
  readonly there: Known<FoundUser | undefined> | undefined;
  readonly work: ListedWork | undefined;
}

export interface Gathered {
  readonly sub: string;
  readonly legacy: Known<LegacyEntry | undefined>;
  /** As the legacy store had them a moment ago, while it does not answer. */
  readonly user: User | undefined;
  readonly targets: readonly AtTarget[];
  readonly sync: Known<readonly SyncedPerson[]>;
  readonly links: Known<readonly PersonLinks[]>;
  readonly batches: readonly (BatchUser & { readonly batch: string })[];
}

const SHORT_PATIENCE_MS = 300;
/** Nobody is in more batches. */
const MAX_BATCHES = 50;

/** Throws user_not_found where nobody has ever heard of them, storage_unavailable. */
export async function gather(desk: Desk, sub: string): Promise<Gathered> {
  const { db, directory } = desk;
  const names = desk.targets.all.map(({ name }) => name);
  const asked = [known(directory.findBySub(sub)), known(directory.userBySub(sub))] as const;
  const [ledger, work, batches] = await Promise.all([
    states(db, sub),
    workOf(db, names, sub),
    batchesOfPerson(db, sub, MAX_BATCHES),
  ]);
  const [[legacy, remembered], targets, sync] = await Promise.all([
    Promise.all(asked),
    Promise.all(names.map((target) => atTarget(desk, { target, sub, ledger, work }))),
    known(syncOfPerson(desk, sub)),
  ]);
  const user = legacy.isKnown ? legacy.value?.user : valueOr(remembered, undefined);
  // It asks the legacy store too, of which we know by now whether it answers.
  const patience = legacy.isKnown ? undefined : SHORT_PATIENCE_MS;
  const links = await known(linksOfPerson(desk, { sub, user, ledger }), patience);
  const gathered = { sub, legacy, user, targets, sync, links, batches };
  if (legacy.isKnown && !user && !isHeardOf(gathered) && !(await isOnRecord(desk, sub)))
    throw new FootbridgeError('user_not_found');
  return gathered;
}

const isHeardOf = ({ targets, batches }: Gathered): boolean =>
  batches.length > 0 || targets.some(({ row, assignments }) => row !== undefined || assignments.length > 0);

/** Gone from the store before anything was begun with them. */
const isOnRecord = async (desk: Desk, sub: string): Promise<boolean> =>
  (await auditPage(desk, { sub, limit: 1 })).entries.length > 0;

interface Asked {
  readonly target: string;
  readonly sub: string;
  readonly ledger: readonly LedgerRow[];
  readonly work: readonly ListedWork[];
}

async function atTarget(desk: Desk, { target, sub, ledger, work }: Asked): Promise<AtTarget> {
  const { db, rollout, targets } = desk;
  const row = ledger.find((one) => one.target === target);
  const id = row?.targetUserId;
  const connection = id ? targets.connection(target) : undefined;
  const [assignments, plan, there] = await Promise.all([
    assignmentsOf(db, target, sub),
    rollout?.snapshot(target),
    connection && id ? known(connection.userById(id).catch(asOutage)) : undefined,
  ]);
  return { target, row, assignments, plan, there, work: work.find((one) => one.target === target) };
}

/** Targets have errors of their own, and any of them means here that it did not say. */
function asOutage(cause: unknown): never {
  throw new FootbridgeError('target_unavailable', { cause });
}
