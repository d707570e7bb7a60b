/**
 * A password of the target, written to the legacy store in the store's own format, and read back. The mark of what is written is
 * kept before: whoever dies in between leaves a store whose new password is known to be ours.
 */
import { randomUUID } from 'node:crypto';
import type { Passwords } from '../../credentials/passwords.ts';
import { isRefusal } from '../../credentials/reasons.ts';
import { isFootbridgeError } from '../../errors.ts';
import type { Directory } from '../../legacy/directory.ts';
import { appendAudit } from '../../store/audit-log.ts';
import type { Queryable } from '../../store/db.ts';
import type { Keyring } from '../../store/encryption.ts';
import type { LegacyEntry, StoredPassword } from '../../user.ts';
import type { Owner, PasswordState } from './password-states.ts';
import { intend } from './password-states.ts';
import type { NewPassword } from './sealing.ts';

export interface ToLegacyDeps {
  readonly db: Queryable;
  readonly keyring: Keyring;
  readonly directory: Pick<Directory, 'findBySub' | 'applies' | 'apply'>;
  readonly passwords: Pick<Passwords, 'verify' | 'hashFor' | 'translateFor'>;
  /** The audit log's pseudonym of a sub. */
  readonly pseudonym: (sub: string) => Buffer;
}

export interface ToLegacy {
  readonly owner: Owner;
  /** As the legacy store has them now. */
  readonly entry: LegacyEntry;
  readonly password: NewPassword;
  /** Of the state that says that the target has it. */
  readonly since: Date;
  readonly signal?: AbortSignal | undefined;
}

export type WrittenToLegacy =
  /** `same`: it had this very password already. */
  | {
      readonly kind: 'wrote' | 'same';
      readonly entry: LegacyEntry;
      /** Which of the stored passwords it is, where that can be told. */
      readonly opened: StoredPassword | undefined;
    }
  /** Not as things are; the state has the code. */
  | { readonly kind: 'refused'; readonly code: string }
  /** The target has yet another one by now: nothing was written. */
  | { readonly kind: 'overtaken' };

const CLEAR = 'clear';

/** Throws legacy_unavailable, hashing_overloaded, storage_unavailable. */
export async function writeToLegacy(deps: ToLegacyDeps, asked: ToLegacy): Promise<WrittenToLegacy> {
  const { passwords, directory } = deps;
  const { owner, entry, password, signal } = asked;
  const there = await whichIs(deps, entry, password, signal);
  if (there) return { kind: 'same', entry, opened: there.opened };
  const writing = directory.applies(owner.sub).password;
  if (!writing) return { kind: 'refused', code: 'legacy_password_not_written' };
  const options = { stored: entry.credentials.passwords, ...(signal ? { signal } : {}) };
  const made = password.clear
    ? await passwords.hashFor(writing, password.clear.reveal(), options)
    : passwords.translateFor(writing, password.hash.reveal(), options);
  if (isRefusal(made)) return { kind: 'refused', code: made.reason };
  const { encoded, layout } = made;
  if (textsOf(entry).includes(encoded)) return { kind: 'same', entry, opened: undefined };
  // Where the store hashes itself nothing tells one password from another, and none of ours may look like an earlier one.
  const mark = layout === CLEAR ? randomUUID() : markOf(deps.keyring, asked, encoded);
  if (!(await intend(deps.db, owner, { mark, since: asked.since }))) return { kind: 'overtaken' };
  const code = await applied(deps, owner.sub, { encoded, mark });
  if (code) return { kind: 'refused', code };
  await record(deps, owner, layout);
  return readBack(deps, asked, encoded);
}

/** Undefined: it was written. */
async function applied(
  { directory }: ToLegacyDeps,
  sub: string,
  { encoded, mark }: { readonly encoded: string; readonly mark: string },
): Promise<string | undefined> {
  try {
    const outcome = await directory.apply(sub, { fields: {}, password: encoded, mark });
    if (outcome === 'gone') return 'legacy_user_gone';
    return outcome === 'changed' ? 'changed_meanwhile' : undefined;
  } catch (error) {
    if (!isFootbridgeError(error) || UNAVAILABLE.some((code) => code === error.code)) throw error;
    return error.code === 'user_not_found' ? 'legacy_user_gone' : 'legacy_refused';
  }
}
const UNAVAILABLE = ['legacy_unavailable', 'storage_unavailable', 'hashing_overloaded'] as const;

const record = ({ db, pseudonym }: ToLegacyDeps, { target, sub }: Owner, layout: string) =>
  appendAudit(db, {
    actor: `target:${target}`,
    action: 'sync.legacy-password',
    subject: pseudonym(sub),
    detail: { target, layout },
  });

/** What the store has now, if that is what was written: its mapping has to read what its settings write. */
async function readBack(deps: ToLegacyDeps, asked: ToLegacy, encoded: string): Promise<WrittenToLegacy> {
  const { owner, password, signal } = asked;
  const entry = await deps.directory.findBySub(owner.sub);
  if (!entry) return { kind: 'refused', code: 'legacy_user_gone' };
  const opened = entry.credentials.passwords.find((stored) => textsIn(stored).includes(encoded));
  if (opened) return { kind: 'wrote', entry, opened };
  const there = await whichIs(deps, entry, password, signal);
  if (there) return { kind: 'wrote', entry, opened: there.opened };
  // Of a store that shows no passwords its word is all there is.
  const isHidden = entry.credentials.passwords.length === 0 && !entry.credentials.storeCheck;
  return isHidden ? { kind: 'wrote', entry, opened: undefined } : { kind: 'refused', code: 'not_read_back' };
}

/** What of the store this password opens, as far as it is known. */
async function whichIs(
  { passwords }: ToLegacyDeps,
  { credentials }: LegacyEntry,
  { clear }: NewPassword,
  signal: AbortSignal | undefined,
): Promise<{ readonly opened: StoredPassword | undefined } | undefined> {
  if (!clear) return undefined;
  const { storeCheck, passwords: all } = credentials;
  const options = signal ? { signal } : {};
  for (const stored of storeCheck?.only ? [] : all)
    if ((await passwords.verify(stored, clear.reveal(), options)).verified) return { opened: stored };
  return storeCheck && (await storeCheck.verify(clear.reveal())) ? { opened: undefined } : undefined;
}

/** The same for the same text of the same state, and for no others. */
const markOf = (
  keyring: Pick<Keyring, 'mac'>,
  { owner, since }: Pick<ToLegacy, 'owner' | 'since'>,
  encoded: string,
) => keyring.mac('sync-password', owner.target, owner.sub, since.toISOString(), encoded).toString('hex');

const textsOf = ({ credentials }: LegacyEntry): readonly string[] => credentials.passwords.flatMap(textsIn);

const textsIn = ({ columns }: StoredPassword): readonly string[] =>
  Object.values(columns).flatMap((value) => {
    if (value instanceof Uint8Array) return [Buffer.from(value).toString('utf8')];
    return typeof value === 'string' ? [value] : [];
  });

/** Whether the legacy store has what we were about to write when we fell silent. */
export function isOurs(
  keyring: Pick<Keyring, 'mac'>,
  owner: Owner,
  {
    entry,
    state,
  }: { readonly entry: LegacyEntry; readonly state: Pick<PasswordState, 'intended' | 'since'> },
): boolean {
  const { intended, since } = state;
  if (!intended) return false;
  return textsOf(entry).some((text) => intended.includes(markOf(keyring, { owner, since }, text)));
}
