/**
 * Passwords of the legacy store that a synced target cannot read as they are stored: caught when they are proved here, or when an
 * app tells of a change with the password itself. It is then the person's turn.
 */
import type { Passwords } from '../../credentials/passwords.ts';
import type { Directory } from '../../legacy/directory.ts';
import { fingerprintsOf } from '../../migration/captured-passwords.ts';
import type { CarryingDeps, ProvedPassword } from '../../migration/carrying.ts';
import { carry } from '../../migration/carrying.ts';
import { find, statePart } from '../../migration/ledger.ts';
import type { State } from '../../migration/states.ts';
import { hasTargetUser } from '../../migration/states.ts';
import { Secret } from '../../settings.ts';
import type { Db } from '../../store/db.ts';
import type { Keyring } from '../../store/encryption.ts';
import type { Part } from '../../store/statement.ts';
import type { Target, Targets } from '../../targets/target.ts';
import type { LegacyEntry, StoredPassword } from '../../user.ts';
import { allPairs, HEARS } from '../pairs.ts';
import { isSamePassword } from './password-news.ts';
import { duePart, passwordStateOf } from './password-states.ts';

export interface CapturingDeps {
  readonly db: Db;
  readonly keyring: Keyring;
  readonly directory: Pick<Directory, 'findBySub'>;
  readonly passwords: Pick<Passwords, 'verify'>;
  readonly carrying: CarryingDeps;
  readonly targets: Pick<Targets, 'byName' | 'connection'>;
  /** The targets that are kept equal, by name. */
  readonly synced: ReadonlySet<string>;
}

/** For `CarryingDeps.synced`. Throws hashing_overloaded, storage_unavailable. */
export function syncedCaptures(deps: Omit<CapturingDeps, 'directory' | 'passwords'>) {
  return async (proved: Proved, except: string | undefined): Promise<readonly Part[]> => {
    const all = [...deps.synced].filter((name) => name !== except);
    const parts = await Promise.all(all.map((name) => partsFor(deps, name, proved)));
    return parts.flatMap((own, at) => own.map((part) => ({ ...part, name: `${part.name}_${at}` })));
  };
}

type Proved = Pick<ProvedPassword, 'sub' | 'password' | 'stored' | 'opened' | 'signal'>;
type Capturing = Omit<CapturingDeps, 'directory' | 'passwords'>;

async function partsFor(deps: Capturing, name: string, proved: Proved): Promise<readonly Part[]> {
  const target = deps.targets.byName(name);
  if (!target || !(await isWanted(deps, { target: name, ...proved }))) return [];
  const isKept = (await allPairs(deps.db)).some((pair) => pair.target === name && HEARS.has(pair.state));
  if (!isKept) return [];
  return captureParts(deps, target, proved);
}

/** Of whoever has arrived, a fresh hash where the target cannot read the stored one. */
async function captureParts(
  { db, carrying }: Pick<CapturingDeps, 'db' | 'carrying'>,
  target: Target,
  proved: Proved,
): Promise<readonly Part[]> {
  const { sub } = proved;
  const [known] = await db.runParts<{
    state: State | null;
    captured: string | null;
    blocked: ProvedPassword['blocked'] | null;
  }>([statePart(target.name, sub)], 'select state, captured, blocked from ledger_state');
  if (!known?.state || !hasTargetUser(known.state)) return [];
  const { state, captured, blocked } = known;
  const parts = await carry(carrying, {
    ...proved,
    target,
    state,
    captured: captured ?? undefined,
    blocked: blocked ?? [],
  });
  return parts.length > 0 ? [...parts, duePart({ target: target.name, sub })] : [];
}

async function isWanted(
  { db, keyring, targets }: Pick<CapturingDeps, 'db' | 'keyring' | 'targets'>,
  {
    target,
    sub,
    password,
    stored,
  }: Pick<Proved, 'sub' | 'password' | 'stored'> & { readonly target: string },
): Promise<boolean> {
  const owner = { target, sub };
  const known = await passwordStateOf(db, owner);
  // Whoever has not had a turn yet will have one, and says then what is missing.
  if (!known || known.state === 'at-target') return false;
  if (known.state === 'waits') return true;
  if (stored.length > 0) return !isSamePassword(known.madeOf, fingerprintsOf(keyring, owner, stored));
  return !(await isThere({ db, targets }, owner, password));
}

/** Of a store that keeps its hashes to itself nobody else can say whether the target has this one. */
async function isThere(
  { db, targets }: Pick<CapturingDeps, 'db' | 'targets'>,
  { target, sub }: { readonly target: string; readonly sub: string },
  password: string,
): Promise<boolean> {
  const connection = targets.connection(target);
  const row = await find(db, target, sub);
  if (!connection?.checkPassword || !row?.targetUserId) return false;
  return connection.checkPassword(row.targetUserId, new Secret(password)).catch(() => false);
}

export type Caught =
  | { readonly kind: 'caught'; readonly targets: readonly string[] }
  /** It is not the one that the legacy store has now. */
  | { readonly kind: 'not-theirs' };

/**
 * A password that an app has told of: nothing is believed before it opens what the legacy store has now. Nothing of it is kept
 * but a hash for those targets that cannot read the legacy one. Throws legacy_unavailable, storage_unavailable,
 * hashing_overloaded.
 */
export async function catchPassword(deps: CapturingDeps, sub: string, password: string): Promise<Caught> {
  const entry = await deps.directory.findBySub(sub);
  const opened = entry && (await openedBy(deps, entry, password));
  if (!entry || !opened) return { kind: 'not-theirs' };
  const caught: string[] = [];
  const proved = { sub, password, stored: entry.credentials.passwords, opened: opened.stored };
  for (const name of deps.synced) {
    const target = deps.targets.byName(name);
    const parts = target ? await captureParts(deps, target, proved) : [];
    if (parts.length === 0) continue;
    await deps.db.runParts(parts, 'select 1');
    caught.push(name);
  }
  return { kind: 'caught', targets: caught };
}

async function openedBy(
  { passwords }: CapturingDeps,
  { credentials }: LegacyEntry,
  password: string,
): Promise<{ readonly stored: StoredPassword | undefined } | undefined> {
  const { storeCheck } = credentials;
  for (const stored of storeCheck?.only ? [] : credentials.passwords)
    if ((await passwords.verify(stored, password)).verified) return { stored };
  return storeCheck && (await storeCheck.verify(password)) ? { stored: undefined } : undefined;
}
