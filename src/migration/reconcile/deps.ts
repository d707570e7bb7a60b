/** What a reconciliation works with. */
import type { Passwords } from '../../credentials/passwords.ts';
import { FootbridgeError } from '../../errors.ts';
import type { Directory } from '../../legacy/directory.ts';
import type { AuditAnchor } from '../../store/audit-log.ts';
import type { Db } from '../../store/db.ts';
import type { Keyring } from '../../store/encryption.ts';
import type { TargetConnection } from '../../targets/connection.ts';
import type { Target } from '../../targets/target.ts';
import { blockedRewrites } from '../blocked-rewrites.ts';
import type { LedgerRow } from '../ledger.ts';
import type { Rules } from './classify.ts';
import type { ComparedField } from './marks.ts';
import { COMPARED_FIELDS, markingOf, olderMarkings, ownerMark } from './marks.ts';
import type { Position } from './reconciliations.ts';
import type { Leads } from './repair-kinds.ts';
import type { ShouldBeDeps } from './should-be.ts';
import type { Reading } from './target-side.ts';

/** The ledger, many at a time. All throw storage_unavailable. */
export interface LedgerPages {
  /** By subject, after this one (`''` at the beginning). */
  page(target: string, afterSub: string, limit: number): Promise<readonly LedgerRow[]>;
  /** Of these people, in any order; whoever has no row is not in it. */
  of(target: string, subs: readonly string[]): Promise<readonly LedgerRow[]>;
}

/** The subjects of a batch's people, by subject, after this one. */
export type MembersPage = (batch: string, afterSub: string, limit: number) => Promise<readonly string[]>;

export interface ReconcileDeps {
  readonly db: Db;
  readonly keyring: Keyring;
  readonly directory: Directory;
  readonly passwords: Pick<Passwords, 'translate' | 'identify'>;
  readonly target: Target;
  readonly connection: TargetConnection;
  readonly ledger: LedgerPages;
  readonly members: MembersPage;
  /** The id of our identity provider at the target; undefined before it was set up there. */
  readonly ourIdp: (target: Target) => Promise<string | undefined>;
  readonly auditHead: () => Promise<AuditAnchor | undefined>;
  readonly softwareVersion: string;
}

/** With what does not change while it runs. */
export interface Comparing {
  readonly deps: ReconcileDeps;
  readonly reading: Reading;
  readonly shouldBe: ShouldBeDeps;
  readonly leads: Leads | undefined;
  /** Only its people; undefined: the whole target. */
  readonly batch: string | undefined;
}

export async function comparingWith(
  deps: ReconcileDeps,
  { leads, batch }: Pick<Comparing, 'leads' | 'batch'>,
): Promise<Comparing> {
  const { db, keyring, target, passwords } = deps;
  const ourIdp = await deps.ourIdp(target);
  const blocked = (await blockedRewrites(db))
    .filter((rewrite) => rewrite.target === target.name)
    .map(({ format, write }) => [format, write] as const);
  return {
    deps,
    reading: { keyring, target: target.name, ourIdp, legacyIdKey: target.users.legacyIdKey },
    shouldBe: { keyring, target, passwords, blocked, masterKeys: keyring.macs('made-of').length },
    leads,
    batch,
  };
}

/** Every target tells of these. */
const ALWAYS_TOLD: readonly ComparedField[] = ['username', 'email', 'state', 'password', 'totp'];

/** What can be compared there: what the target was seen to tell, and what its kind can hold. */
export function fieldsOf({ deps, reading }: Comparing, told: Position['told']): ReadonlySet<ComparedField> {
  const { links, metadata } = deps.target.capabilities ?? {};
  const isCompared = (field: ComparedField) => {
    if (field === 'link') return reading.ourIdp !== undefined && links !== false;
    if (field === 'legacyId') return metadata ?? told.includes(field);
    return ALWAYS_TOLD.includes(field) || told.includes(field);
  };
  return new Set(COMPARED_FIELDS.filter(isCompared));
}

export function rulesOf(comparing: Comparing, fields: ReadonlySet<ComparedField>): Rules {
  const { deps, reading, leads } = comparing;
  const { keyring, target } = reading;
  return {
    fields,
    leads,
    canUpdate: deps.connection.update !== undefined,
    olderOwnerMarks: (targetUserId) => olderMarkings(keyring, target, targetUserId).map(ownerMark),
    ownerMark: (targetUserId) => ownerMark(markingOf(keyring, target, targetUserId)),
  };
}

/** Throws config_invalid where the legacy store cannot be read from end to end. */
export function entriesOf({
  directory,
}: Pick<ReconcileDeps, 'directory'>): NonNullable<Directory['entries']> {
  if (directory.entries) return directory.entries;
  throw new FootbridgeError('config_invalid', {
    detail: 'this store cannot be read from end to end: give it `queries.page`, or verify a batch',
  });
}
