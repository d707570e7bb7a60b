/** A tenant of the stand-in for cidaas: its users in memory, and what its administrator has set up. */
import { randomUUID } from 'node:crypto';
import type { PasswordHashInfo } from './passwords.ts';

export interface Identity {
  identityId: string;
  provider: string;
  providerUserId?: string;
  [field: string]: unknown;
}

export interface Account {
  readonly sub: string;
  /** In the order of their making. */
  readonly place: number;
  userStatus: string;
  identities: Identity[];
  customFields: Record<string, string>;
  groups: { groupId: string; roles: string[] }[];
  password?: PasswordHashInfo;
}

export interface TenantOptions {
  readonly migrationMode?: boolean;
  /** What its field settings have besides the system fields. The first is of the type USERNAME. */
  readonly customFields?: readonly string[];
  readonly providers?: readonly string[];
  /** The groups there are, with the roles that are allowed in each. */
  readonly groups?: Readonly<Record<string, readonly string[]>>;
  /** What the app may ask for. */
  readonly scopes?: readonly string[];
  /** Whether the bulk import empties what an update does not send: nothing is documented of it. */
  readonly isEmptying?: boolean;
  /** Whether the answers about a user name their groups. */
  readonly hidesGroups?: boolean;
  /** Who checks passwords of this algorithm, and where. */
  readonly custom?: { readonly algorithm: string; readonly url: string };
}

export const SCOPES = [
  'cidaas:bulk_user_create',
  'cidaas:users_read',
  'cidaas:users_search',
  'cidaas:users_write',
  'cidaas:userupdate',
  'cidaas:users_delete',
  'cidaas:groups_write',
  'cidaas:webhook_read',
  'cidaas:webhook_write',
  'cidaas:webhook_delete',
];

/** The app that calls its API. */
export const APP = { clientId: 'user-migration', secret: 'a+secret/with:odd %letters' };
/** One that may check passwords (the password grant). */
export const PASSWORD_APP = { clientId: 'password-check', secret: 'another secret' };

/** `tell`: something has happened to somebody; `actor` is a sub or a client id. */
export function openTenant(
  options: TenantOptions,
  tell: (event: string, sub: string, actor: string) => void = () => undefined,
) {
  const accounts = new Map<string, Account>();
  let made = 0;
  const customFields = options.customFields ?? ['footbridge_id', 'footbridge_password', 'legacy_id'];
  const settings = {
    migrationMode: options.migrationMode ?? false,
    customFields,
    providers: options.providers ?? ['footbridge', 'google'],
    groups: options.groups ?? { shop: ['CUSTOMER', 'SELLER'] },
    scopes: options.scopes ?? SCOPES,
    custom: options.custom,
    isEmptying: options.isEmptying ?? false,
    hidesGroups: options.hidesGroups ?? false,
  };
  const same = (a: unknown, b: string) => typeof a === 'string' && a.toLowerCase() === b.toLowerCase();
  return {
    settings,
    tell,
    /** The app has done it. */
    tellOurs: (event: string, sub: string) => tell(event, sub, APP.clientId),
    all: (): readonly Account[] => [...accounts.values()],
    bySub: (sub: string) => accounts.get(sub),
    remove: (sub: string) => accounts.delete(sub),
    add(account: Partial<Account> = {}): Account {
      made += 1;
      const whole: Account = {
        sub: randomUUID(),
        place: made,
        userStatus: 'VERIFIED',
        identities: [],
        customFields: {},
        groups: [],
        ...account,
      };
      accounts.set(whole.sub, whole);
      return whole;
    },
    /** By what cidaas goes by: address, number and username of every identity, and a custom field of that type. */
    byIdentifier: (text: string) =>
      [...accounts.values()].find(
        ({ identities, customFields: own }) =>
          same(own[customFields[0]!], text) ||
          identities.some(({ email, mobile_number, username }) =>
            [email, mobile_number, username].some((one) => same(one, text)),
          ),
      ),
    byAnything(text: string): Account | undefined {
      const isNamed = ({ sub, identities }: Account) =>
        sub === text ||
        identities.some(({ identityId, providerUserId }) => identityId === text || providerUserId === text);
      return this.byIdentifier(text) ?? [...accounts.values()].find(isNamed);
    },
  };
}
export type Tenant = ReturnType<typeof openTenant>;

export const newIdentity = (fields: object & { provider: string }): Identity => ({
  ...fields,
  identityId: randomUUID(),
});
