/**
 * LDAP (RFC 4511) through ldapts: OpenLDAP, 389 Directory Server, FreeIPA, Active Directory. What people type goes to
 * the server as a value of the protocol, never as text of a filter or a name; references to other servers are never
 * followed. Only the server's own rights keep our identity from writing: give it one that can only read.
 */
import { FootbridgeError } from '../../../errors.ts';
import type { Connector, Row } from '../../connector.ts';
import { connectorKind, MAX_CANDIDATES } from '../../connector.ts';
import { applierTo } from './apply.ts';
import { isWithin } from './dn.ts';
import { NO_SUCH_OBJECT, outage, Refusal } from './failure.ts';
import { modifiedFeed } from './feed.ts';
import { relatedIn } from './groups.ts';
import type { LdapSettings } from './ldap-settings.ts';
import { ldapSettings } from './ldap-settings.ts';
import type { People } from './people.ts';
import { peopleIn } from './people.ts';
import { scanOf } from './scan.ts';
import type { Server } from './server.ts';
import { serverAt } from './server.ts';

function openLdap(settings: LdapSettings, { timeoutMs }: { timeoutMs: number }): Connector {
  const server = serverAt(settings, timeoutMs);
  const people = peopleIn(settings, server);
  const scan = scanOf({ ...people, open: server.open, pageSize: settings.pageSize });
  const { changes, flag, related } = settings;
  return {
    sparse: true,
    findByLogin: (login) => people.find(settings.login, Buffer.from(login), MAX_CANDIDATES + 1),
    findById: people.findById,
    ping: people.ping,
    verifyPassword: async ({ columns }, password) => opens(nameIn(columns, settings), password, server),
    page: scan.page,
    ...(Object.keys(related).length > 0 ? { related: relatedIn(settings, people, server) } : {}),
    ...applierTo(settings, people, server),
    ...(changes ? { feed: () => modifiedFeed(settings, changes, server) } : {}),
    ...(flag ? { flag: writerOf(flag, people, server) } : {}),
    close: async () => {
      scan.close();
      server.close();
    },
  };
}

export const ldap = connectorKind({
  settings: ldapSettings,
  open: openLdap,
  fromUrl,
  relatedNames: ({ related }) => Object.keys(related),
  verifiesPasswords: () => true,
  applies: ({ apply }) => apply,
  loginColumns: ({ login }) => login,
});

/** ldaps://host:port/dc=example,dc=com (RFC 4516 section 2), with the base or without. */
function fromUrl(text: string): Readonly<Record<string, unknown>> {
  const url = URL.parse(text);
  if (!url || !/^ldaps?:$/.test(url.protocol))
    throw new Error('expected a URL that begins with ldap: or ldaps:');
  const base = decodeURIComponent(url.pathname.slice(1));
  url.pathname = '';
  return { url: url.href.replace(/\/$/, ''), ...(base ? { base } : {}) };
}

function nameIn({ dn }: Row, { base }: LdapSettings): string {
  if (typeof dn === 'string' && isWithin(dn, base)) return dn;
  throw new FootbridgeError('mapping_failed', { detail: 'the row has no dn below ldap.base' });
}

/**
 * Constraint violation (389 Directory Server after too many failures), no such object, inappropriate authentication (an
 * entry without a password), invalid credentials.
 */
const WRONG = new Set([19, NO_SUCH_OBJECT, 48, 49]);

/** Binds as the user on a connection of its own, which nobody else ever has. */
async function opens(dn: string, password: string, server: Server): Promise<boolean> {
  // Servers take an empty password for a bind as nobody, and some stop reading at the first NUL.
  if (password === '' || password.includes('\0') || !password.isWellFormed()) return false;
  try {
    await server.fresh((connection) => connection.bind({ dn, password }));
    return true;
  } catch (error) {
    // 389 Directory Server is unwilling where an account is inactivated; others where nobody may bind at all.
    const isRefused =
      error instanceof Refusal && (WRONG.has(error.status) || /inactivated/i.test(error.words));
    if (isRefused) return false;
    throw outage(error);
  }
}

function writerOf(flag: NonNullable<LdapSettings['flag']>, people: People, server: Server) {
  const { attribute, migrated, notMigrated, bindDn, bindPassword } = flag;
  const values = (moved: boolean) => (moved ? [migrated] : notMigrated === undefined ? [] : [notMigrated]);
  const writer = bindDn && bindPassword ? { dn: bindDn, password: bindPassword.reveal() } : undefined;
  return async (id: string, moved: boolean): Promise<void> => {
    const entry = await people.entryWithId(id, []);
    if (!entry) throw new FootbridgeError('user_not_found');
    try {
      if (!writer) return await server.ask((held) => held.replace(entry.name, attribute, values(moved)));
      await server.fresh(async (own) => {
        await own.bind(writer);
        await own.replace(entry.name, attribute, values(moved));
      });
    } catch (error) {
      const isGone = error instanceof Refusal && error.status === NO_SUCH_OBJECT;
      throw isGone ? new FootbridgeError('user_not_found') : outage(error);
    }
  };
}
