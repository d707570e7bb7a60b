/** A person as cidaas' bulk import takes them: an entry of the array that is sent. */
import type { NotStored, Stored, TargetLink, TargetUser } from '../connection.ts';
import type { Account, PasswordNote } from './account.ts';
import { hasPassword, LOCAL, linksIn, markOf, passwordNote } from './account.ts';
import type { CidaasSettings } from './cidaas-settings.ts';

/** `password_hash_info` */
export interface PasswordHashInfo {
  readonly algorithmTypeId: string;
  readonly passwordHash: string;
  readonly hData?: Readonly<Record<string, string | number>>;
}

export interface Entity {
  readonly identities: readonly object[];
  readonly customFields: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

export interface Writing {
  readonly settings: CidaasSettings;
  /** The name of our provider there. */
  readonly provider: string;
  /** What stands for the password of somebody whom cidaas asks us about; absent: nobody is made so. */
  readonly reference?: ((sub: string) => string) | undefined;
}

/** What of a person goes out, and what of them cannot. */
export interface Written {
  readonly entity: Entity;
  readonly stored: readonly Stored[];
  readonly missing: readonly NotStored[];
}

/** What is sent in the password's place, and why nothing is. */
export interface WrittenPassword {
  readonly info?: PasswordHashInfo;
  readonly note?: PasswordNote;
  readonly missing: readonly NotStored[];
}

export function passwordOf(
  { settings, reference }: Writing,
  { password, isTypedHere, sub }: TargetUser,
): WrittenPassword {
  if (password) return { info: password.encoded as PasswordHashInfo, note: 'hash', missing: [] };
  if (!isTypedHere) return { missing: [] };
  const lacks = (code: string): WrittenPassword => ({ missing: [{ what: 'password', code }] });
  const { customAlgorithm: algorithmTypeId } = settings;
  if (algorithmTypeId === undefined) return lacks('custom_algorithm_missing');
  if (!reference) return lacks('reference_missing');
  return { info: { algorithmTypeId, passwordHash: reference(sub) }, note: 'asked', missing: [] };
}

/** Somebody new. */
export function entityOf(writing: Writing, user: TargetUser): Written {
  const { settings } = writing;
  const { info, note, missing } = passwordOf(writing, user);
  const own = { ...fieldsOf(user, settings), ...(info && { password_hash_info: info }) };
  const entity = placed(settings, {
    own,
    identities: linksOf(user, writing.provider).map((link) => linkIdentity(link, settings)),
    customFields: {
      ...user.metadata,
      [settings.customFields.mark]: user.targetUserId,
      ...(note && { [settings.customFields.password]: note }),
    },
  });
  const stored: readonly (Stored | false)[] = [
    'profile',
    note === 'hash' && 'password',
    'links',
    Object.keys(user.metadata).length > 0 && 'metadata',
  ];
  return {
    entity,
    stored: stored.filter((what) => what !== false),
    missing: [...missing, ...unportable(user)],
  };
}

/** What somebody who is there gets besides what they have. */
export interface Additions {
  /** System fields, by cidaas' names. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly password?: Pick<WrittenPassword, 'info' | 'note'>;
  readonly links: readonly TargetLink[];
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Whether an update empties what is not sent is not documented: so everything that is shown is sent back with it, and
 * the update means the same either way.
 */
export function amendedEntity(
  { settings }: Pick<Writing, 'settings'>,
  account: Account,
  additions: Additions,
): Entity {
  const { fields, password, links, metadata } = additions;
  const local = account.identities.find(({ provider }) => provider === LOCAL);
  const shown = local ? local.shown : pick(account.fields, SYSTEM_FIELDS);
  const others = account.identities.filter(({ provider }) => provider !== LOCAL);
  return placed(settings, {
    own: { ...shown, ...fields, ...(password?.info && { password_hash_info: password.info }) },
    identities: [...others.map((one) => one.shown), ...links.map((link) => linkIdentity(link, settings))],
    customFields: {
      ...account.customFields,
      ...metadata,
      ...(password?.note && { [settings.customFields.password]: password.note }),
    },
  });
}

interface Parts {
  readonly own: Readonly<Record<string, unknown>>;
  readonly identities: readonly object[];
  readonly customFields: Readonly<Record<string, string>>;
}

const placed = ({ localIdentity }: CidaasSettings, { own, identities, customFields }: Parts): Entity =>
  localIdentity === 'identities'
    ? { identities: [{ ...own, provider: LOCAL }, ...identities], customFields }
    : { ...own, provider: LOCAL, identities, customFields };

const SYSTEM_FIELDS = [
  'email',
  'email_verified',
  'mobile_number',
  'mobile_number_verified',
  'given_name',
  'family_name',
  'username',
  'nickname',
  'locale',
] as const;

const pick = (from: Readonly<Record<string, unknown>>, names: readonly string[]) =>
  Object.fromEntries(names.flatMap((name) => (from[name] === undefined ? [] : [[name, from[name]]])));

/** The person's fields, as far as they are on at the tenant. */
export function fieldsOf(user: TargetUser, { fields }: CidaasSettings): Record<string, string | boolean> {
  const { email, phone, username } = user;
  const all: Readonly<Record<string, string | undefined>> = {
    given_name: user.givenName,
    family_name: user.familyName,
    mobile_number: phone?.number,
    // The address is an identifier already, and the same one twice is refused.
    username: username.includes('@') ? undefined : username,
    nickname: user.nickname,
    locale: user.locale,
  };
  const on = fields.flatMap((name) => (all[name] === undefined ? [] : [[name, all[name]] as const]));
  return {
    ...(email && { email: email.address, email_verified: email.isVerified }),
    ...Object.fromEntries(on),
    ...(phone && fields.includes('mobile_number') && { mobile_number_verified: phone.isVerified }),
  };
}

/** By which cidaas tells people apart: whoever has one of them already is updated. */
export function identifiersOf(user: TargetUser, settings: CidaasSettings): readonly string[] {
  const { email, mobile_number, username } = fieldsOf(user, settings);
  return [email, mobile_number, username].filter(
    (value) => typeof value === 'string' && value !== '',
  ) as string[];
}

/** All the links that the person is to have, ours first. */
export const linksOf = (user: TargetUser, provider: string): readonly TargetLink[] => [
  { idpId: provider, userId: user.sub, userName: user.linkUserName ?? user.username },
  ...user.identityProviderLinks,
];

/** Without a name: the username of every identity is an identifier, by which somebody else would be updated. */
const linkIdentity = ({ idpId, userId }: TargetLink, { identityUserId }: CidaasSettings) => ({
  provider: idpId,
  [identityUserId]: userId,
});

export const isThere = ({ idpId, userId }: TargetLink, links: readonly TargetLink[]) =>
  links.some((link) => link.idpId === idpId && link.userId === userId);

/** No way to import them is documented. */
export function unportable({ totpSecret, passkeys = [], recoveryCodes = [] }: TargetUser): NotStored[] {
  return [
    ...(totpSecret === undefined ? [] : [{ what: 'totp', code: 'totp_not_supported' } as const]),
    ...(passkeys.length === 0 ? [] : [{ what: 'passkeys', code: 'passkey_not_portable' } as const]),
    ...(recoveryCodes.length === 0
      ? []
      : [{ what: 'recoveryCodes', code: 'recovery_codes_not_supported' } as const]),
  ];
}

/** What of `user` an account has, and what not. */
export function compare(
  writing: Writing,
  user: TargetUser,
  account: Account,
): Pick<Written, 'stored' | 'missing'> {
  const { settings, provider } = writing;
  const lost = (what: Stored, isLost: boolean, code: string) => (isLost ? [{ what, code }] : []);
  const links = linksIn(account);
  const note = passwordNote(account, settings);
  const intended = passwordOf(writing, user);
  const missing: NotStored[] = [
    ...intended.missing,
    ...lost(
      'password',
      intended.note !== undefined && note !== intended.note && !hasPassword(account, settings),
      'not-kept',
    ),
    ...lost(
      'links',
      linksOf(user, provider).some((link) => !isThere(link, links)),
      'link-not-kept',
    ),
    ...lost(
      'metadata',
      Object.keys(user.metadata).some((key) => !(key in account.customFields)),
      'custom-field-not-kept',
    ),
    ...unportable(user),
  ];
  const { stored } = entityOf(writing, user);
  return { stored: stored.filter((what) => !missing.some((lack) => lack.what === what)), missing };
}

/** Made by us, for this very person, in an earlier try. */
export const isOurs = (account: Account, user: TargetUser, settings: CidaasSettings) =>
  markOf(account, settings) === user.targetUserId;
