/**
 * What of a profile was changed at the target since the move, and the legacy store takes: it is written there before the person
 * goes back. Written is only what the target alone has changed, as far as that is known: nobody's newer value is written over.
 */

import { isFootbridgeError } from '../../errors.ts';
import { APPLIED_VALUES } from '../../legacy/applied-values.ts';
import type { ApplyField, ApplyInput, FieldChange } from '../../legacy/apply.ts';
import type { Directory } from '../../legacy/directory.ts';
import type { Keyring } from '../../store/encryption.ts';
import type { FoundUser, ProfileField } from '../../targets/connection.ts';
import { PROFILE_FIELDS } from '../../targets/connection.ts';
import type { Target } from '../../targets/target.ts';
import type { LegacyEntry } from '../../user.ts';
import type { Changes, KeptField } from '../batch/undo-kept.ts';
import { wantedAt } from '../batch/undo-kept.ts';
import type { Base } from '../reconcile/marks.ts';
import { foundProfile, isNamedByEmail, markingOf, ownerMark, wantedProfile } from '../reconcile/marks.ts';

export interface BringingDeps {
  readonly keyring: Keyring;
  readonly target: Target;
  readonly directory: Pick<Directory, 'applies' | 'apply'>;
}

export interface Differing {
  readonly entry: LegacyEntry;
  readonly found: FoundUser;
  readonly changes: Changes;
  /** What was the same on both sides last. */
  readonly base: Base | undefined;
}

type Fields = ApplyInput['fields'];

export interface Sorted {
  /** What is lost with the user at the target; without what only the legacy store has changed. */
  readonly changes: Changes;
  /** Those of them that the store takes. */
  readonly bringing: Readonly<Partial<Record<KeptField, Fields>>>;
}

export function sortChanges(deps: BringingDeps, { entry, found, changes, base }: Differing): Sorted {
  const { keyring, target, directory } = deps;
  const marking = markingOf(keyring, target.name, found.targetUserId);
  const known: Partial<Base> = base?.of === ownerMark(marking) ? base : {};
  const wanted = wantedAt({ target, found, entry });
  const here = wanted ? wantedProfile(marking, { ...wanted, targetUserId: found.targetUserId }) : {};
  const there = foundProfile(marking, found);
  const isOnlyHere = (field: ProfileField) => known[field] !== undefined && known[field] === there[field];
  const isOnlyThere = (field: ProfileField) => known[field] !== undefined && known[field] === here[field];
  const lost = Object.entries(changes).filter(([field]) => !isOnlyHere(field as ProfileField));
  const takes = directory.applies(entry.user.sub).fields;
  const changed = PROFILE_FIELDS.filter((field) => changes[field] && isOnlyThere(field));
  const bringing = changed.flatMap((field) => {
    const fields = fieldsFor({ target, entry, found }, field);
    const isTaken = fields && Object.keys(fields).every((name) => takes.has(name as ApplyField));
    return isTaken ? [[field, fields] as const] : [];
  });
  // Only active people are moved: whoever is not active there was stopped there.
  const isStopped = found.state === 'inactive' && entry.user.state === 'active' && takes.has('state');
  const state = { state: { state: { before: 'active', after: 'disabled' } } };
  return {
    changes: Object.fromEntries(lost),
    bringing: { ...Object.fromEntries(bringing), ...(changes.state && isStopped ? state : {}) },
  };
}

interface Sides {
  readonly target: Target;
  readonly entry: LegacyEntry;
  readonly found: FoundUser;
}

const PLAIN: Readonly<Partial<Record<ProfileField, ApplyField>>> = {
  username: 'username',
  givenName: 'givenName',
  familyName: 'familyName',
  nickname: 'nickname',
  displayName: 'name',
  locale: 'locale',
};

/** In the store's words; undefined: it cannot be said there. */
function fieldsFor({ target, entry: { user }, found }: Sides, field: ProfileField): Fields | undefined {
  const change = (name: ApplyField, after: string): Fields => ({
    [name]: { before: APPLIED_VALUES[name](user), after } satisfies FieldChange,
  });
  if (field === 'email') {
    if (!found.email || isPlaceholderAddress(target, found.email.address)) return undefined;
    return proved(found.email.address, user.email, {
      address: (after) => change('email', after),
      proof: () => (user.emailVerified ? change('emailVerified', 'false') : {}),
    });
  }
  if (field === 'phone') {
    if (!found.phone) return undefined;
    return proved(found.phone.number, user.phoneNumber, {
      address: (after) => change('phoneNumber', after),
      proof: () => (user.phoneNumberVerified ? change('phoneNumberVerified', 'false') : {}),
    });
  }
  const name = PLAIN[field];
  const value = found[field] as string | undefined;
  if (!name || !value || (field === 'username' && !isNameReversible(target, found))) return undefined;
  const { placeholders } = target.users;
  const isPlaceholder =
    (field === 'givenName' && value === placeholders.givenName) ||
    (field === 'familyName' && value === placeholders.familyName);
  return isPlaceholder ? undefined : change(name, value);
}

/** The target's word on whose an address is proves nothing here: another address is theirs once they have proved it. */
function proved(
  address: string,
  before: string | undefined,
  of: { readonly address: (after: string) => Fields; readonly proof: () => Fields },
): Fields | undefined {
  return address === before ? undefined : { ...of.address(address), ...of.proof() };
}

function isPlaceholderAddress({ users }: Target, address: string): boolean {
  const domain = users.placeholders.email?.split('@').at(-1);
  return domain !== undefined && address.toLowerCase().endsWith(`@${domain.toLowerCase()}`);
}

/** The rules of the settings can be read backwards, and it is a name of its own. */
function isNameReversible({ users: { username } }: Target, found: FoundUser): boolean {
  const isPlain = username.from === 'username' && !username.dropDomain && username.suffix === '';
  return isPlain && found.username !== found.targetUserId && !isNamedByEmail(found);
}

export interface Brought {
  readonly brought: readonly KeptField[];
  /** Why the store did not take the others, by field: a stable code. */
  readonly refused: Readonly<Record<string, string>>;
}

interface Bringing {
  readonly sub: string;
  readonly phase: string;
  readonly bringing: Sorted['bringing'];
}

/** All at once, and where the store does not take that, one after the other. Throws legacy_unavailable, storage_unavailable, config_invalid. */
export async function bringBack(deps: BringingDeps, { sub, phase, bringing }: Bringing): Promise<Brought> {
  const names = Object.keys(bringing) as KeptField[];
  if (names.length === 0) return { brought: [], refused: {} };
  const write = (some: readonly KeptField[]) =>
    written(deps, { sub, phase, fields: Object.assign({}, ...some.map((name) => bringing[name])) as Fields });
  if ((await write(names)) === undefined) return { brought: names, refused: {} };
  const brought: KeptField[] = [];
  const refused: Record<string, string> = {};
  for (const name of names) {
    const code = await write([name]);
    if (code === undefined) brought.push(name);
    else refused[name] = code;
  }
  return { brought, refused };
}

/** Undefined: it is there. */
async function written(
  { directory, keyring, target }: BringingDeps,
  { sub, phase, fields }: Pick<Bringing, 'sub' | 'phase'> & { readonly fields: Fields },
): Promise<string | undefined> {
  // The same at every try of this very write.
  const mark = keyring.mac('phase-return', target.name, phase, sub, JSON.stringify(fields)).toString('hex');
  try {
    const outcome = await directory.apply(sub, { fields, mark });
    if (outcome === 'gone') return 'legacy_user_gone';
    return outcome === 'changed' ? 'changed_meanwhile' : undefined;
  } catch (error) {
    if (!isFootbridgeError(error) || AWAY.some((code) => code === error.code)) throw error;
    return error.code;
  }
}
/** None of these is about this person's values. */
const AWAY = ['legacy_unavailable', 'storage_unavailable', 'config_invalid'] as const;
