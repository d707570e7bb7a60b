/**
 * What the legacy store is told of an organization's members, so that old apps know it too: until it works, one organization
 * at a time. A row says what it was told; there is nothing that must not be told twice.
 */
import { isFootbridgeError } from '../../errors.ts';
import type { Directory } from '../../legacy/directory.ts';
import type { LeasedLink } from '../../migration/claim-tokens/organization-links.ts';
import {
  heldPart,
  holdLink,
  legacyEndedPart,
  stillLinkedPart,
} from '../../migration/claim-tokens/organization-links.ts';
import type { UntoldMember } from '../../migration/claim-tokens/organization-members.ts';
import {
  membersPage,
  notToldPart,
  tellAllAnewPart,
  tellAnewPart,
  toldPart,
  untoldMembers,
} from '../../migration/claim-tokens/organization-members.ts';
import type { Db } from '../../store/db.ts';
import { peopleOf } from './people.ts';

export interface WriteBackDeps {
  readonly db: Db;
  readonly directory: Pick<Directory, 'writes' | 'write'>;
  /** Milliseconds that no change of the clock moves. */
  readonly elapsed?: () => number;
}

export interface WrittenBack {
  /** How many members the store was told of. */
  readonly told: number;
  /** The first thing that went wrong. */
  readonly error?: unknown;
  /** There is more to tell. */
  readonly isMore: boolean;
}

/** Of one organization in one round. */
const MAX_TOLD = 500;
/** And no longer than this, well below the lease. */
const ROUND_MS = 60_000;
/** So many in a row that fail are no accident: the store is away. */
const MAX_FAILURES = 3;
/** Most of them may be nobody here, of whom there is nothing to tell. */
const MAX_UNTOLD = 20_000;
const NOTHING: WrittenBack = { told: 0, isMore: false };

export interface WriteBackOptions {
  /** Its memberships are deleted in the legacy store first, once. */
  readonly deletesLegacy: boolean;
}

/** Throws storage_unavailable. */
export async function writeBack(
  deps: WriteBackDeps,
  link: LeasedLink,
  { deletesLegacy }: WriteBackOptions,
): Promise<WrittenBack> {
  const writes = deps.directory.writes(link.organization);
  try {
    // Members are told afterwards: they must not be deleted with the rest.
    if (deletesLegacy && writes.has('endMemberships')) await endMemberships(deps, link);
  } catch (error) {
    if (isFootbridgeError(error, 'storage_unavailable')) throw error;
    return { ...NOTHING, error };
  }
  const untold = await untoldMembers(deps.db, link, MAX_UNTOLD);
  const people = await peopleOf(
    deps.db,
    link.target,
    untold.map(({ targetUserId }) => targetUserId),
  );
  const known = untold.flatMap((member): Untold[] => {
    const sub = people.get(member.targetUserId);
    const isWritable = writes.has(member.isEnded ? 'endMember' : 'setMember');
    return sub !== undefined && isWritable ? [{ ...member, sub }] : [];
  });
  return tellAll(deps, link, known);
}

type Untold = UntoldMember & { readonly sub: string };

/** Only when members were read, and there are some: a list that is empty by mistake must not cost a whole company its rights. */
async function endMemberships({ db, directory }: WriteBackDeps, link: LeasedLink): Promise<void> {
  const now = await db.transaction((tx) => holdLink(tx, link));
  if (now?.state !== 'linked' || !now.readAt || now.legacyEndedAt) return;
  const [someone] = await membersPage(db, link, { after: '', limit: 1 });
  if (!someone) return;
  const { organization } = link;
  await directory.write(organization, 'endMemberships', { organization });
  await db.runParts([heldPart(link), legacyEndedPart(), tellAllAnewPart()], 'select 1 as done');
}

async function tellAll(
  deps: WriteBackDeps,
  link: LeasedLink,
  members: readonly Untold[],
): Promise<WrittenBack> {
  const { elapsed = () => performance.now() } = deps;
  const end = elapsed() + ROUND_MS;
  let [told, failuresInRow, error]: [number, number, unknown] = [0, 0, undefined];
  for (const [index, member] of members.entries()) {
    if (index >= MAX_TOLD || elapsed() >= end) return { told, isMore: true, ...(error ? { error } : {}) };
    const failure = await tell(deps, link, member);
    if (failure === 'not-ours') return { told, isMore: false };
    if (failure === undefined) [told, failuresInRow] = [told + 1, 0];
    else [failuresInRow, error] = [failuresInRow + 1, error ?? failure.error];
    if (failuresInRow >= MAX_FAILURES) break;
  }
  return { told, isMore: false, ...(error ? { error } : {}) };
}

/** Undefined: it was told. `not-ours`: somebody else attends to the organization now, or nobody has to. */
async function tell(
  { db, directory }: WriteBackDeps,
  link: LeasedLink,
  member: Untold,
): Promise<undefined | 'not-ours' | { readonly error: unknown }> {
  try {
    await tellStore(directory, member);
  } catch (error) {
    await db.runParts([heldPart(link), notToldPart(member)], 'select 1 as done');
    return { error };
  }
  const told = await db.runParts([heldPart(link), toldPart(member)], 'select * from member_told');
  if (told.length > 0) return undefined;
  // We were held up for so long that others have gone on, and may have told something newer before us.
  await db.runParts([stillLinkedPart(link), tellAnewPart(member)], 'select 1 as done');
  return 'not-ours';
}

async function tellStore(directory: WriteBackDeps['directory'], member: Untold): Promise<void> {
  const { organization, sub: id, legacyRoles, isEnded } = member;
  try {
    if (isEnded) await directory.write(organization, 'endMember', { organization, id });
    else await directory.write(organization, 'setMember', { organization, id, roles: legacyRoles.join(',') });
  } catch (error) {
    // They are somebody of another store, which knows nothing of this organization.
    if (!isFootbridgeError(error, 'user_not_found')) throw error;
  }
}
