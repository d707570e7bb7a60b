/** One organization's turn: who is in it is read at the target and written down, and the legacy store is told. */
import { isFootbridgeError } from '../../errors.ts';
import type { ClaimTokenSettings } from '../../migration/claim-tokens/claim-settings.ts';
import type { LeasedLink, LinkProblem, Release } from '../../migration/claim-tokens/organization-links.ts';
import {
  GONE_SECONDS,
  holdLink,
  noteGone,
  readPart,
  releaseLink,
} from '../../migration/claim-tokens/organization-links.ts';
import type { MemberChange } from '../../migration/claim-tokens/organization-members.ts';
import { changeParts, everyMember } from '../../migration/claim-tokens/organization-members.ts';
import { legacyRolesOf } from '../../migration/claim-tokens/organization-roles.ts';
import type { Queryable } from '../../store/db.ts';
import type { TargetMember } from '../../targets/organizations.ts';
import type { Targets } from '../../targets/target.ts';
import { leaving, memberChanges } from './member-changes.ts';
import { peopleOf } from './people.ts';
import type { WriteBackDeps, WrittenBack } from './write-back.ts';
import { writeBack } from './write-back.ts';

export interface AttendingDeps extends WriteBackDeps {
  readonly targets: Pick<Targets, 'organizations'>;
  /** The audit log's pseudonym of a sub. */
  readonly pseudonym: (sub: string) => Buffer;
  /** Told of errors that are ours, and of what others fail at. */
  readonly onError: (error: unknown, where: string) => void;
  /** For metrics. */
  readonly onTurn?: (turn: Turn) => void;
}

/** How an organization's turn went. */
export interface Turn {
  readonly target: string;
  readonly result: 'read' | 'failed' | 'gone' | 'unlinked';
  readonly joined: number;
  readonly changed: number;
  readonly left: number;
  /** Of how many members the legacy store was told. */
  readonly told: number;
}

export type OrganizationSettings = NonNullable<ClaimTokenSettings['organizations']>;

/** More than any organization has: a list without end would be read for ever. */
const MAX_MEMBERS = 20_000;
const FIRST_AGAIN_SECONDS = 30;
const LAST_AGAIN_SECONDS = 3_600;

/** What a turn has shown. */
type Outcome =
  | { readonly kind: 'read'; readonly changes: readonly MemberChange[] }
  | { readonly kind: 'failed'; readonly problem: LinkProblem; readonly retryAfterSeconds: number }
  | { readonly kind: 'gone'; readonly changes: readonly MemberChange[]; readonly seconds: number }
  | { readonly kind: 'unlinked' }
  /** The lease went to somebody else, or there is no link any more. */
  | { readonly kind: 'not-ours' };
type Ended = Exclude<Outcome, { readonly kind: 'not-ours' }>;

/** Throws storage_unavailable; the lease then runs out by itself. */
export async function attend(
  deps: AttendingDeps,
  link: LeasedLink,
  settings: OrganizationSettings,
): Promise<void> {
  let [outcome, written]: [Outcome, WrittenBack] = [{ kind: 'unlinked' }, { told: 0, isMore: false }];
  try {
    if (link.state === 'linked') outcome = await reading(deps, link, settings);
    if (outcome.kind === 'not-ours') return;
    written = await writeBack(deps, link, { deletesLegacy: settings.deleteLegacyMemberships });
    if (written.error) deps.onError(written.error, `telling the legacy store of ${link.organization}`);
  } catch (error) {
    if (isFootbridgeError(error, 'storage_unavailable')) throw error;
    // What cannot be written down, or is a mistake of ours, must not come again every second.
    deps.onError(error, `members of ${link.organization} at ${link.target}`);
    outcome = failed({ code: 'internal' });
  }
  await releaseLink(deps.db, link, releaseAfter(outcome, { link, written, settings }));
  deps.onTurn?.(turnOf(outcome, link, written));
}

function turnOf(outcome: Ended, { target }: LeasedLink, { told }: WrittenBack): Turn {
  const changes = 'changes' in outcome ? outcome.changes : [];
  const count = (kind: MemberChange['kind']) => changes.filter((change) => change.kind === kind).length;
  const counts = { joined: count('joined'), changed: count('changed'), left: count('left') };
  return { target, result: outcome.kind, ...counts, told };
}

async function reading(
  deps: AttendingDeps,
  link: LeasedLink,
  settings: OrganizationSettings,
): Promise<Outcome> {
  let members: readonly TargetMember[] | undefined;
  try {
    members = await deps.targets.organizations(link.target)?.members(link.targetOrganizationId);
    if (members && members.length > MAX_MEMBERS)
      return failed({ code: 'too_many_members', detail: `more than ${MAX_MEMBERS}` });
  } catch (error) {
    // An outage says nothing of who is a member: all of them stay.
    deps.onError(error, `members of ${link.organization} at ${link.target}`);
    return failed(problemOf(error), isFootbridgeError(error) ? error.retryAfterSeconds : undefined);
  }
  return members ? writeMembers(deps, { link, members, settings }) : writeGone(deps, link);
}

const failed = (problem: LinkProblem, retryAfterSeconds = 0): Ended => ({
  kind: 'failed',
  problem,
  retryAfterSeconds,
});

function problemOf(error: unknown): LinkProblem {
  if (!isFootbridgeError(error)) return { code: 'internal' };
  return { code: error.code, ...(error.detail === undefined ? {} : { detail: error.detail }) };
}

interface Read {
  readonly link: LeasedLink;
  readonly members: readonly TargetMember[];
  readonly settings: OrganizationSettings;
}

const writeMembers = (
  { db, pseudonym }: AttendingDeps,
  { link, members, settings }: Read,
): Promise<Outcome> =>
  db.transaction(async (tx): Promise<Outcome> => {
    const held = await holdLink(tx, link);
    if (held?.state !== 'linked') return { kind: 'not-ours' };
    const known = await everyMember(tx, link);
    const changes = memberChanges(known, members, (roles) => legacyRolesOf(roles, settings));
    const parts = await partsOf(tx, { link, changes, pseudonym });
    await tx.runParts([...parts, readPart(link)], 'select 1 as done');
    return { kind: 'read', changes };
  });

/** Once may be a mistake of theirs, or a key that is being changed: it is believed when it is still so an hour later. */
const writeGone = ({ db, pseudonym }: AttendingDeps, link: LeasedLink): Promise<Outcome> =>
  db.transaction(async (tx): Promise<Outcome> => {
    const held = await holdLink(tx, link);
    if (held?.state !== 'linked') return { kind: 'not-ours' };
    const seconds = await noteGone(tx, link);
    if (seconds > 0) return { kind: 'gone', changes: [], seconds };
    const changes = leaving(await everyMember(tx, link));
    const parts = await partsOf(tx, { link, changes, pseudonym, reason: 'connection_revoked' });
    if (parts.length > 0) await tx.runParts(parts, 'select 1 as done');
    return { kind: 'gone', changes, seconds: GONE_SECONDS };
  });

interface Writing {
  readonly link: LeasedLink;
  readonly changes: readonly MemberChange[];
  readonly pseudonym: (sub: string) => Buffer;
  readonly reason?: string;
}

async function partsOf(tx: Queryable, { link, changes, pseudonym, reason }: Writing) {
  if (changes.length === 0) return [];
  const people = await peopleOf(
    tx,
    link.target,
    changes.map(({ targetUserId }) => targetUserId),
  );
  const subjectOf = (targetUserId: string) => {
    const sub = people.get(targetUserId);
    return sub === undefined ? undefined : pseudonym(sub);
  };
  const told = { changes, actor: 'footbridge', subjectOf, isToTell: true };
  return changeParts(link, { ...told, ...(reason === undefined ? {} : { reason }) });
}

interface Ending {
  readonly link: LeasedLink;
  readonly written: WrittenBack;
  readonly settings: OrganizationSettings;
}

function releaseAfter(outcome: Ended, { link, written, settings }: Ending): Release {
  const isFailed = outcome.kind === 'failed' || written.error !== undefined;
  const failures = isFailed ? link.failures + 1 : 0;
  const again = Math.min(LAST_AGAIN_SECONDS, FIRST_AGAIN_SECONDS * 2 ** Math.min(failures - 1, 10));
  const problem = written.error === undefined ? null : problemOf(written.error);
  const legacySeconds = written.isMore ? 0 : written.error === undefined ? LAST_AGAIN_SECONDS : again;
  if (outcome.kind === 'failed') {
    const seconds = Math.min(LAST_AGAIN_SECONDS, Math.max(again, outcome.retryAfterSeconds));
    return { failures, problem: outcome.problem, seconds, isPatient: true };
  }
  if (outcome.kind === 'gone') return { failures, seconds: Math.min(outcome.seconds, legacySeconds) };
  if (outcome.kind === 'unlinked')
    return { failures, problem, seconds: legacySeconds, isSettled: !isFailed && !written.isMore };
  return { failures, problem, seconds: Math.min(settings.pollMinutes * 60, legacySeconds) };
}
