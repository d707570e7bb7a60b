/**
 * A password that somebody typed at the caller of a drop-in: the same limits and the same comparison as at our own login
 * page. What it proves is stored before the caller hears of it. Our answer is all that it waits for: whatever is still
 * to be stored at a target goes on by itself.
 */

import { isIP } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { Db } from '../../store/db.ts';
import type { Keyring } from '../../store/encryption.ts';
import type { Target, Targets } from '../../targets/target.ts';
import type { LedgerRow } from '../ledger.ts';
import { find, proveParts } from '../ledger.ts';
import type { MoveRequest, Mover, ProvePassword, TypedPassword } from '../moving/mover.ts';
import type { Routing } from '../routing.ts';
import { hasTargetUser, isMovable, nextState } from '../states.ts';
import type { Claim, Verdict } from './drop-in.ts';
import type { DropInSettings } from './drop-in-settings.ts';
import { openRetriedClaims } from './retried-claims.ts';
import { isKeptOut } from './second-factors.ts';

/** As `ProvePassword`; without a target nothing is carried, and no ledger is asked. */
export type ProveTyped = (
  typed: Omit<TypedPassword, 'target'> & { readonly target?: Target },
) => ReturnType<ProvePassword>;

export interface ProvingDeps {
  readonly db: Db;
  readonly keyring: Pick<Keyring, 'mac'>;
  readonly targets: Pick<Targets, 'byName' | 'connection'>;
  readonly mover: Pick<Mover, 'requestParts'>;
  readonly provePassword: ProveTyped;
  readonly routing: Pick<Routing, 'stays'>;
  /** The audit log's pseudonym of a sub. */
  readonly pseudonym: (sub: string) => Buffer;
  /** No refusal comes sooner. */
  readonly failureFloorMs: number;
  /** Milliseconds that no change of the clock moves. */
  readonly elapsed?: () => number;
}

type Proved = Extract<Awaited<ReturnType<ProvePassword>>, { readonly kind: 'proved' }>;

/** Throws legacy_unavailable, storage_unavailable, hashing_overloaded: none of them counts as a failure. */
export type Prove = (dropIn: DropInSettings, claim: Claim) => Promise<Verdict>;

export function openProving(deps: ProvingDeps): Prove {
  const once = openRetriedClaims(deps.elapsed);
  return (dropIn, claim) => once(keyOf(deps, dropIn, claim), () => prove(deps, dropIn, claim));
}

function keyOf({ keyring }: ProvingDeps, { name }: DropInSettings, { who, password }: Claim): string {
  return keyring.mac('drop-in-claim', name, JSON.stringify(who), password).toString('base64url');
}

/** Nobody's leaving stops it: whoever sends the same again wants to hear what it came to. */
async function prove(deps: ProvingDeps, dropIn: DropInSettings, claim: Claim): Promise<Verdict> {
  const startedAt = performance.now();
  const verdict = await judged(deps, dropIn, claim);
  // Also where the password was right, and opens nothing.
  if (verdict.kind === 'wrong')
    await pause(Math.max(0, deps.failureFloorMs - (performance.now() - startedAt)));
  return verdict;
}

async function judged(deps: ProvingDeps, dropIn: DropInSettings, claim: Claim): Promise<Verdict> {
  const target = dropIn.target === undefined ? undefined : deps.targets.byName(dropIn.target);
  const { who, password } = claim;
  const typed = { ...who, password, network: typedAt(dropIn, claim), ...(target ? { target } : {}) };
  const proof = await deps.provePassword(typed);
  if (proof.kind === 'throttled') return proof;
  const isRight = proof.kind === 'proved' && (await isStored(deps, { dropIn, target }, proof));
  return isRight ? { kind: 'right', user: proof.entry.user } : { kind: 'wrong' };
}

/**
 * The address of the caller is no person's: all who type there would share one bucket. Where it does not tell theirs,
 * everybody has a network of their own, and guessing at many accounts is the caller's to slow down. What it tells is its
 * word: it never keeps anybody from our own login page. No colon: a network is the first four groups of an address.
 */
function typedAt({ name }: DropInSettings, { who, address = '' }: Claim): string {
  return `dropin-${name}-${isIP(address) > 0 ? address : Object.values(who)[0]}`;
}

interface Called {
  readonly dropIn: DropInSettings;
  readonly target: Target | undefined;
}

/** False for whom the right password opens nothing. Proof, ledger and the wish to go on are one statement. */
async function isStored(
  deps: ProvingDeps,
  { dropIn, target }: Called,
  { entry, amr, writes }: Proved,
): Promise<boolean> {
  const { db, mover, pseudonym } = deps;
  if (isKeptOut(dropIn, entry.credentials)) return false;
  if (!target) {
    if (writes.length > 0) await db.runParts(writes, 'select 1');
    return true;
  }
  const { sub, legacyId } = entry.user;
  const row = await find(db, target.name, sub);
  if (isOutOfReach(row)) return false;
  // Whom the caller does not have yet stays at the old login until it is their turn.
  if (!isThere(row) && (await deps.routing.stays(target.name, entry.user))) return false;
  const proof = proveParts({ target: target.name, sub, legacyId, amr, subject: pseudonym(sub) });
  const request: MoveRequest = { target: target.name, sub, road: 'typed', actor: `drop-in:${dropIn.name}` };
  const wishes = isToComplete(deps, target, row) ? mover.requestParts(request) : [];
  const stored = await db.runParts([...writes, ...proof, ...wishes], 'select from ledger_row');
  return stored.length > 0;
}

/** Excluded, deleted, or gone for good: no proof leads anywhere from there. */
export const isOutOfReach = (row: LedgerRow | undefined): boolean =>
  nextState(row?.state ?? 'legacy', 'prove') === undefined;

const isThere = (row: LedgerRow | undefined) => row !== undefined && hasTargetUser(row.state);

/**
 * Only somebody whom the ledger knows at the target: whomever it does not know the caller has made itself, or is making
 * of this very answer, and one of ours would be a second.
 */
function isToComplete({ targets }: ProvingDeps, target: Target, row: LedgerRow | undefined): boolean {
  if (!row || target.move.push === 'never' || !targets.connection(target.name)) return false;
  return hasTargetUser(row.state) && isMovable(row.state);
}
