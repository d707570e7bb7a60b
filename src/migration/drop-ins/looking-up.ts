/**
 * Somebody is looked up before any password is proved: because a contract wants it so, or for a forgotten one. Told is
 * who they are, never what they prove themselves with, but for the seeds where the settings say so: those are counted by
 * the target's volume fuse and written to the audit log before they leave.
 */
import type { FootbridgeError as Problem } from '../../errors.ts';
import { FootbridgeError, isFootbridgeError } from '../../errors.ts';
import type { Directory } from '../../legacy/directory.ts';
import { auditPart } from '../../store/audit-log.ts';
import type { Db } from '../../store/db.ts';
import type { Targets } from '../../targets/target.ts';
import type { LegacyEntry, TotpSecret } from '../../user.ts';
import { find } from '../ledger.ts';
import { admitPart, countPart } from '../volume-fuse.ts';
import type { LookedUp, PersonCall } from './drop-in.ts';
import type { DropInSettings } from './drop-in-settings.ts';
import { isOutOfReach } from './proving.ts';
import { isKeptOut, lacksFactor, seedsFor } from './second-factors.ts';

export interface LookUpDeps {
  readonly db: Db;
  readonly directory: Pick<Directory, 'findByLogin'>;
  readonly targets: Pick<Targets, 'byName'>;
  /** The audit log's pseudonym of a sub. */
  readonly pseudonym: (sub: string) => Buffer;
  /** A record that is told of to nobody: ambiguous, or not to be mapped. */
  readonly onUnusableRecord?: (error: Problem) => void;
}

interface Asked {
  readonly dropIn: DropInSettings;
  readonly call: Pick<PersonCall, 'fits'>;
  readonly login: string;
}

const UNKNOWN: LookedUp = { kind: 'unknown' };
const WITHHELD: LookedUp = { kind: 'withheld' };

/** Throws legacy_unavailable, storage_unavailable, volume_exceeded. */
export async function lookUp(deps: LookUpDeps, { dropIn, call, login }: Asked): Promise<LookedUp> {
  const entry = await entryOf(deps, login);
  const sub = typeof entry === 'object' ? entry.user.sub : '';
  // Asked whether or not there is such a person.
  const row = dropIn.target === undefined ? undefined : await find(deps.db, dropIn.target, sub);
  if (entry === undefined) return UNKNOWN;
  if (entry === 'unusable' || isOutOfReach(row) || !call.fits(entry.user, login, dropIn)) return WITHHELD;
  const { user, credentials } = entry;
  if (isKeptOut(dropIn, credentials)) return WITHHELD;
  const seeds = user.state === 'active' ? seedsFor(dropIn, credentials) : [];
  if (seeds.length > 0) await release(deps, dropIn, { entry, seeds });
  return { kind: 'found', user, seeds, lacksFactor: lacksFactor(dropIn, credentials) };
}

/** Two records for one login, or one that cannot be mapped: nobody can be let in by it, and it is not free either. */
async function entryOf(
  { directory, onUnusableRecord }: LookUpDeps,
  login: string,
): Promise<LegacyEntry | 'unusable' | undefined> {
  return directory.findByLogin(login).catch((error: unknown) => {
    if (!isFootbridgeError(error, 'user_ambiguous') && !isFootbridgeError(error, 'mapping_failed'))
      throw error;
    onUnusableRecord?.(error);
    return 'unusable';
  });
}

/** Until it is written, nothing leaves. */
async function release(
  { db, targets, pseudonym }: LookUpDeps,
  { name, target }: DropInSettings,
  { entry, seeds }: { readonly entry: LegacyEntry; readonly seeds: readonly TotpSecret[] },
): Promise<void> {
  const volume = targets.byName(target ?? '')?.volume;
  const caller = `drop-in:${name}`;
  const record = {
    actor: caller,
    action: 'drop-in.seeds',
    subject: pseudonym(entry.user.sub),
    detail: { ...(target === undefined ? {} : { target }), seeds: seeds.length },
  };
  const released =
    volume &&
    (await db.runParts(
      [
        admitPart(caller, volume),
        countPart(caller, volume, 'request_admitted'),
        auditPart(record, 'release_counted'),
      ],
      'select from release_counted',
    ));
  if (!released?.length) throw new FootbridgeError('volume_exceeded');
}
