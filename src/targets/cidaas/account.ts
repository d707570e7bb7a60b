/**
 * A user as cidaas shows them. Its answers are documented as "complete user information" and differ between services:
 * the fields of the person stand in an identity, at the top, in `system` (the search) or in `userAccount`. What is
 * there is read wherever it stands.
 */
import type { FoundUser, TargetGrant, TargetLink } from '../connection.ts';
import type { CidaasSettings } from './cidaas-settings.ts';

type Document = Readonly<Record<string, unknown>>;

/** How somebody logs in. */
export interface Identity {
  /** `self`: with a password at cidaas. */
  readonly provider: string;
  readonly identityId?: string | undefined;
  /** The person's id at the provider. */
  readonly userId?: string | undefined;
  /** As cidaas shows it: what is sent back, so that nothing of it is lost. */
  readonly shown: Document;
}

export interface Account {
  readonly sub: string;
  /** `VERIFIED`, `DECLINED`, `PENDING`, `BLOCKED`, `DELETED`, `COMBINED`; empty where it is not told. */
  readonly status: string;
  readonly identities: readonly Identity[];
  /** The person's fields, as `email`, `given_name`. */
  readonly fields: Document;
  readonly customFields: Readonly<Record<string, string>>;
  readonly groups: readonly TargetGrant[];
  /** Whether it says at all in which groups they are. */
  readonly tellsGroups: boolean;
  /** Where the search goes on after them. */
  readonly sort?: readonly unknown[];
}

export const LOCAL = 'self';

/** Undefined where there is no sub in it. */
export function accountOf(document: unknown, { identityUserId }: CidaasSettings): Account | undefined {
  const answer = objectOf(document);
  const whole = 'data' in answer && !('sub' in answer) ? objectOf(answer.data) : answer;
  const own = objectOf(whole.userAccount);
  const sub = textOf(whole.sub) ?? textOf(own.sub);
  if (sub === undefined) return undefined;
  const identities = listOf(whole.identities ?? own.identities).map((one) => identityOf(one, identityUserId));
  const local = identities.find(({ provider }) => provider === LOCAL);
  const shownGroups = whole.groups ?? own.groups;
  return {
    sub,
    status: (textOf(whole.userStatus) ?? textOf(own.userStatus) ?? '').toUpperCase(),
    identities,
    // Without a local identity, what another provider said of the person.
    fields: {
      ...identities[0]?.shown,
      ...own,
      ...whole,
      ...objectOf(whole.system),
      ...local?.shown,
    },
    customFields: customFieldsOf(whole.customFields ?? own.customFields),
    groups: listOf(shownGroups).flatMap(groupOf),
    tellsGroups: Array.isArray(shownGroups),
    ...(Array.isArray(whole.sort) && { sort: whole.sort }),
  };
}

function identityOf(shown: Document, idField: string): Identity {
  return {
    provider: textOf(shown.provider) ?? LOCAL,
    identityId: textOf(shown.identityId) ?? textOf(shown._id) ?? textOf(shown.id),
    userId: textOf(shown[idField]),
    shown,
  };
}

function groupOf(group: Document): TargetGrant[] {
  const project = textOf(group.groupId);
  const roles = Array.isArray(group.roles) ? group.roles.filter((role) => typeof role === 'string') : [];
  return project === undefined ? [] : [{ project, roles }];
}

/** A value is a text, or a document with the text as its `value`. */
function customFieldsOf(value: unknown): Record<string, string> {
  return Object.fromEntries(
    Object.entries(objectOf(value)).flatMap(([key, field]) => {
      const text = textOf(field) ?? textOf(objectOf(field).value);
      return text === undefined ? [] : [[key, text]];
    }),
  );
}

const STATES: Readonly<Record<string, FoundUser['state']>> = {
  VERIFIED: 'active',
  DECLINED: 'inactive',
  BLOCKED: 'locked',
  PENDING: 'initial',
  DELETED: 'deleted',
  // Merged into another account: nobody logs in to this one.
  COMBINED: 'deleted',
};

/** What was sent in the password's place, as our custom field says. */
export type PasswordNote = 'hash' | 'asked';

export function passwordNote(
  { customFields }: Account,
  { customFields: keys }: CidaasSettings,
): PasswordNote | undefined {
  const note = customFields[keys.password];
  return note === 'hash' || note === 'asked' ? note : undefined;
}

/**
 * cidaas does not say whether somebody has a password. Whom we have sent carries our note; of anybody else who logs in
 * locally it is taken for granted, for theirs must not be replaced.
 */
export function hasPassword(account: Account, settings: CidaasSettings): boolean {
  const note = passwordNote(account, settings);
  if (note !== undefined) return note === 'hash';
  if (settings.customFields.mark in account.customFields) return false;
  return account.identities.some(({ provider }) => provider === LOCAL) || account.identities.length === 0;
}

/** By whom we have made this account; undefined: not us. */
export const markOf = ({ customFields }: Account, { customFields: keys }: CidaasSettings) =>
  customFields[keys.mark];

/** Those whose id at the provider is told. */
export const linksIn = ({ identities }: Account): readonly TargetLink[] =>
  identities.flatMap(({ provider, userId, shown }) =>
    provider === LOCAL || userId === undefined
      ? []
      : [{ idpId: provider, userId, userName: textOf(shown.username) ?? textOf(shown.email) ?? userId }],
  );

export function foundUserOf(account: Account, settings: CidaasSettings): FoundUser {
  const { sub, status, fields, groups } = account;
  const field = (name: string) => textOf(fields[name]);
  const [email, number, username] = [field('email'), field('mobile_number'), field('username')];
  const {
    [settings.customFields.mark]: externalId,
    [settings.customFields.password]: _note,
    ...metadata
  } = account.customFields;
  const named = (name: string, key: string) => (field(name) ? { [key]: field(name) } : {});
  return {
    targetUserId: sub,
    username: username ?? email ?? number ?? sub,
    loginName: email ?? username ?? number ?? sub,
    state: STATES[status] ?? 'active',
    ...(email && { email: { address: email, isVerified: fields.email_verified === true } }),
    ...(number && { phone: { number, isVerified: fields.mobile_number_verified === true } }),
    ...named('given_name', 'givenName'),
    ...named('family_name', 'familyName'),
    ...named('nickname', 'nickname'),
    ...named('locale', 'locale'),
    grants: groups,
    hasPassword: hasPassword(account, settings),
    hasTotp: false,
    ...(externalId !== undefined && { externalId }),
    links: linksIn(account),
    metadata,
  };
}

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : typeof value === 'number' ? String(value) : undefined;

const objectOf = (value: unknown): Document =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Document) : {};

const listOf = (value: unknown): readonly Document[] => (Array.isArray(value) ? value.map(objectOf) : []);
