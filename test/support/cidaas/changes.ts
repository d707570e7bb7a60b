/** What people and administrators do at the stand-in itself. Each is told to its webhooks. */
import { rehashed } from './passwords.ts';
import type { Account, Tenant } from './tenant.ts';
import { newIdentity } from './tenant.ts';

const ADMIN = 'admin-of-the-stand-in';

export function openChanges(tenant: Tenant) {
  const accountOf = (sub: string): Account => {
    const account = tenant.bySub(sub);
    if (account) return account;
    throw new Error('there is nobody with this sub');
  };
  const localOf = (sub: string) => {
    const local = accountOf(sub).identities.find(({ provider }) => provider === 'self');
    if (local) return local;
    throw new Error('there is no local identity');
  };
  const setStatus = (status: string, event: string) => (sub: string) => {
    accountOf(sub).userStatus = status;
    tenant.tell(event, sub, ADMIN);
  };
  return {
    /** Somebody registers there. Their sub. */
    async register(fields: { readonly email: string; readonly [name: string]: unknown }, password?: string) {
      const identity = newIdentity({ provider: 'self', ...fields });
      const { sub } = tenant.add({
        identities: [identity],
        ...(password !== undefined && { password: await rehashed(password) }),
      });
      tenant.tell('ACCOUNT_CREATED_WITH_CIDAAS_IDENTITY', sub, sub);
      return sub;
    },
    /** Names, language and the like. */
    profile(sub: string, fields: Readonly<Record<string, unknown>>) {
      Object.assign(localOf(sub), fields);
      tenant.tell('ACCOUNT_MODIFIED', sub, sub);
    },
    email(sub: string, address: string, isVerified = true) {
      const owner = tenant.byIdentifier(address);
      if (owner && owner.sub !== sub) throw new Error('somebody else has this address');
      Object.assign(localOf(sub), { email: address, email_verified: isVerified });
      tenant.tell('EMAIL_CHANGED', sub, sub);
    },
    async password(sub: string, password: string) {
      accountOf(sub).password = await rehashed(password);
      tenant.tell('PASSWORD_CHANGED', sub, sub);
    },
    deactivate: setStatus('DECLINED', 'ACCOUNT_DEACTIVATED'),
    activate: setStatus('VERIFIED', 'ACCOUNT_ACTIVATED'),
    remove(sub: string) {
      accountOf(sub);
      tenant.remove(sub);
      tenant.tell('ACCOUNT_DELETED', sub, ADMIN);
    },
    /** All of their groups. */
    groups(sub: string, groups: Readonly<Record<string, readonly string[]>>) {
      accountOf(sub).groups = Object.entries(groups).map(([groupId, roles]) => ({
        groupId,
        roles: [...roles],
      }));
      tenant.tell('GROUP_USER_ROLE_UPDATED', sub, ADMIN);
    },
    /** They log in: nothing of theirs changes. */
    loggedIn: (sub: string) => tenant.tell('LOGIN_WITH_CIDAAS', sub, sub),
  };
}
