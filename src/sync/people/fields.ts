/**
 * What is kept equal of a person, field by field, in the words that both sides share: the target's user as the operator's
 * rules make them of the legacy entry, and the target's user as they are there.
 */
import type { ApplyField } from '../../legacy/apply.ts';
import type {
  FoundUser,
  ProfileField,
  TargetConnection,
  TargetGrant,
  TargetUser,
} from '../../targets/connection.ts';
import type { Target } from '../../targets/target.ts';
import type { LegacyEntry } from '../../user.ts';

export const SYNC_FIELDS = [
  'username',
  'email',
  'emailVerified',
  'phone',
  'phoneVerified',
  'givenName',
  'familyName',
  'nickname',
  'displayName',
  'locale',
  'state',
  'roles',
] as const;
export type SyncField = (typeof SYNC_FIELDS)[number];

/** `''`: there is none; absent: this side does not tell. As they are written, not as they are compared. */
export type Values = Readonly<Partial<Record<SyncField, string>>>;

/** Which field of the legacy store a field is written to. */
export const APPLIED_AS: Readonly<Record<SyncField, ApplyField>> = {
  username: 'username',
  email: 'email',
  emailVerified: 'emailVerified',
  phone: 'phoneNumber',
  phoneVerified: 'phoneNumberVerified',
  givenName: 'givenName',
  familyName: 'familyName',
  nickname: 'nickname',
  displayName: 'name',
  locale: 'locale',
  state: 'state',
  roles: 'roles',
};

/** Which field of the target's user it is written with; `state` and `roles` have calls of their own. */
export const UPDATED_AS: Readonly<Partial<Record<SyncField, ProfileField>>> = {
  username: 'username',
  email: 'email',
  emailVerified: 'email',
  phone: 'phone',
  phoneVerified: 'phone',
  givenName: 'givenName',
  familyName: 'familyName',
  nickname: 'nickname',
  displayName: 'displayName',
  locale: 'locale',
};

const verified = (isVerified: boolean) => String(isVerified);

/** `user` is what `targetUserFor` made of the entry. A lock of the store's own passes: it says nothing. */
export function legacyValues(target: Target, { user: person }: LegacyEntry, user: TargetUser): Values {
  const { placeholders } = target.users;
  const unless = (text: string, placeholder: string) => (text === placeholder ? '' : text);
  const roles = legacyRoles(target, person.roles);
  return {
    username: user.username,
    ...(user.email && person.email
      ? { email: user.email.address, emailVerified: verified(user.email.isVerified) }
      : { email: '', emailVerified: '' }),
    ...(user.phone
      ? { phone: user.phone.number, phoneVerified: verified(user.phone.isVerified) }
      : { phone: '', phoneVerified: '' }),
    givenName: unless(user.givenName, placeholders.givenName),
    familyName: unless(user.familyName, placeholders.familyName),
    nickname: user.nickname ?? '',
    displayName: user.displayName ?? '',
    locale: user.locale ?? '',
    ...(person.state === 'locked' ? {} : { state: person.state }),
    ...(roles === undefined ? {} : { roles }),
  };
}

/** What the target tells of a user. A name that stands for none is none. */
export function targetValues(target: Target, found: FoundUser): Values {
  const { givenName = '', familyName = '', nickname = '', displayName = '', locale = '' } = found;
  const { placeholders } = target.users;
  const unless = (text: string, placeholder: string) => (text === placeholder ? '' : text);
  // Where even names are absent, the user was told of in short, and the rest is not known rather than empty.
  const isWhole = found.givenName !== undefined || found.familyName !== undefined;
  const roles = rolesGranted(target, found.grants);
  const email = isPlaceholder(target, found) ? undefined : found.email;
  return {
    ...(hasOwnName(found) ? { username: found.username } : {}),
    ...(email
      ? { email: email.address, emailVerified: verified(email.isVerified) }
      : { email: '', emailVerified: '' }),
    ...(found.phone
      ? { phone: found.phone.number, phoneVerified: verified(found.phone.isVerified) }
      : isWhole
        ? { phone: '', phoneVerified: '' }
        : {}),
    ...(isWhole
      ? {
          givenName: unless(givenName, placeholders.givenName),
          familyName: unless(familyName, placeholders.familyName),
          nickname,
          locale,
        }
      : {}),
    // Whoever has them makes one up at least.
    ...(displayName === '' ? {} : { displayName }),
    state: found.state === 'inactive' ? 'disabled' : 'active',
    ...(roles === undefined ? {} : { roles }),
  };
}

/** Targets without names of their own show the address or the id in its place. */
function hasOwnName({ username, email, targetUserId }: FoundUser): boolean {
  return username !== targetUserId && username.toLowerCase() !== email?.address.toLowerCase();
}

function isPlaceholder({ users }: Target, { email }: FoundUser): boolean {
  const domain = users.placeholders.email?.split('@').at(-1);
  return domain !== undefined && email?.address.toLowerCase().endsWith(`@${domain.toLowerCase()}`) === true;
}

/** Those of the legacy roles that the settings translate; undefined where they translate none. */
function legacyRoles({ users }: Target, roles: readonly string[]): string | undefined {
  const managed = new Set(users.grants.map(({ role }) => role));
  if (managed.size === 0) return undefined;
  return JSON.stringify([...new Set(roles.filter((role) => managed.has(role)))].sort());
}

/** The legacy roles all of whose grants are there; undefined where the target does not tell of grants. */
function rolesGranted({ users }: Target, grants: readonly TargetGrant[] | undefined): string | undefined {
  if (!grants || users.grants.length === 0) return undefined;
  const has = (project: string, projectGrant: string | undefined, role: string) =>
    grants.some(
      (grant) =>
        grant.project === project && grant.projectGrant === projectGrant && grant.roles.includes(role),
    );
  const byRole = Map.groupBy(users.grants, ({ role }) => role);
  const roles = [...byRole].flatMap(([role, rules]) => {
    const isThere = rules.every(({ project, projectGrant, roles: wanted }) =>
      wanted.every((one) => has(project, projectGrant, one)),
    );
    return isThere ? [role] : [];
  });
  return JSON.stringify(roles.sort());
}

/** Without what the target does not keep: of that nothing can be equal. */
export function keptOf({ keeps }: Pick<TargetConnection, 'keeps'>, values: Values): Values {
  if (!keeps) return values;
  return Object.fromEntries(
    Object.entries(values).filter(([name]) => {
      const field = UPDATED_AS[name as SyncField];
      return field === undefined || keeps.has(field);
    }),
  );
}

const flat = (text: string) => text.normalize('NFC').replace(/\s+/gu, ' ').trim();

/** As it is compared: spaces, case and composition that nobody means are gone. */
export function comparable(field: SyncField, value: string): string {
  if (field === 'username') return flat(value).toLowerCase();
  // Letters alone: there are signs that become a letter, and another address with one is somebody else's.
  if (field === 'email') return flat(value).replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  if (field === 'phone') return value.replace('(0)', '').replace(/[^\d+]/g, '');
  if (field === 'locale') return flat(value).toLowerCase().replaceAll('_', '-');
  return field === 'roles' ? value : flat(value);
}

/** What targets make up where the legacy store has nothing to say: then it says nothing, rather than that there is none. */
const MADE_UP: readonly SyncField[] = ['displayName', 'locale', 'nickname'];
export const isMadeUp = (field: SyncField, legacy: string | undefined): boolean =>
  legacy === '' && MADE_UP.includes(field);
