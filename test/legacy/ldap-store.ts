/** Directory servers with people in them. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { LegacySettings } from '../../src/legacy/legacy-settings.ts';
import { legacySettings } from '../../src/legacy/legacy-settings.ts';
import { writeOut } from '../../src/legacy/shorthand.ts';
import type { SlapdPlan } from '../servers/slapd.ts';
import { ADMIN, SUFFIX, startSlapd } from '../servers/slapd.ts';
import { freePort } from '../support/ports.ts';
import type { ContractStore } from './connector-contract.ts';
import { PEOPLE } from './connector-contract.ts';

/** The example's settings, with `${…}` filled in, for a server without TLS. */
export function exampleLdap(env: Record<string, string>): LegacySettings {
  const file = join(import.meta.dirname, '..', '..', 'example', 'legacy', 'openldap.yaml');
  const text = readFileSync(file, 'utf8').replace(/\$\{(\w+)\}/g, (_all, name: string) => env[name] ?? '');
  const written = writeOut(parse(text).legacy) as { ldap: object };
  return legacySettings.parse({ ...written, ldap: { ...written.ldap, startTls: false } });
}

/** How our tests reach a server. */
export const reach = (url: string) => ({
  url,
  startTls: false,
  bindDn: ADMIN.dn,
  bindPassword: ADMIN.password,
  base: `ou=people,${SUFFIX}`,
});

const TEXT = 'EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15';
const OID = '1.3.6.1.4.1.4203.666';
/** The columns of PEOPLE as attributes; `email` is in the standard's own schema. */
const SCHEMA = [
  `attributetype ( ${OID}.1.1 NAME 'login' ${TEXT} )`,
  `attributetype ( ${OID}.1.2 NAME 'password' ${TEXT} SINGLE-VALUE )`,
  `attributetype ( ${OID}.1.3 NAME 'moved' ${TEXT} SINGLE-VALUE )`,
  `attributetype ( ${OID}.1.4 NAME 'objectGUID' EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )`,
  `objectclass ( ${OID}.2.1 NAME 'shopPerson' SUP inetOrgPerson MAY ( login $ password $ moved $ objectGUID $ email ) )`,
];

/** An LDIF record; values are base64, so that any value goes. */
export const record = (dn: string, attributes: Record<string, string | Buffer | readonly string[]>) =>
  [
    `dn:: ${Buffer.from(dn).toString('base64')}`,
    ...Object.entries(attributes).flatMap(([name, value]) =>
      [value].flat().map((one) => `${name}:: ${Buffer.from(one as string).toString('base64')}`),
    ),
    '',
    '',
  ].join('\n');

export const TREE = [
  record(SUFFIX, { objectClass: ['dcObject', 'organization'], dc: 'legacy', o: 'Legacy' }),
  record(`ou=people,${SUFFIX}`, { objectClass: 'organizationalUnit', ou: 'people' }),
  record(`ou=groups,${SUFFIX}`, { objectClass: 'organizationalUnit', ou: 'groups' }),
].join('');

export const person = (rdn: string, attributes: Record<string, string | Buffer | readonly string[]>) =>
  record(`${rdn},ou=people,${SUFFIX}`, { objectClass: 'shopPerson', cn: 'x', sn: 'x', ...attributes });

export const group = (name: string, members: readonly string[]) =>
  record(`cn=${name},ou=groups,${SUFFIX}`, { objectClass: 'groupOfNames', cn: name, member: members });

export const shopServer = (ldif: string, plan: Partial<SlapdPlan> = {}) =>
  startSlapd({ ldif: TREE + ldif, ...plan, global: [...SCHEMA, ...(plan.global ?? [])] });

export const PASSWORD = 'Bind-Secret-1';
export const PEOPLE_LDIF = [
  ...PEOPLE.map(({ id, login, email, password }) =>
    person(`uid=${login}`, {
      uid: login,
      employeeNumber: id,
      login,
      email,
      password,
      moved: '0',
      userPassword: login === 'anna' ? PASSWORD : `another-${PASSWORD}`,
    }),
  ),
  group('editor', [`uid=bob,ou=people,${SUFFIX}`]),
  group('author', [`uid=bob,ou=people,${SUFFIX}`]),
].join('');

export const shop = {
  id: 'employeeNumber',
  login: ['login', 'email'],
  related: { roles: { base: `ou=groups,${SUFFIX}`, filter: '(objectClass=groupOfNames)' } },
  flag: { attribute: 'moved', migrated: '1', notMigrated: '0' },
};

/** The store of the connectors' contract. */
export async function shopStore(): Promise<ContractStore> {
  const server = await shopServer(PEOPLE_LDIF);
  const at = (url: string) => ({ ldap: { ...reach(url), ...shop } });
  return {
    settings: at(server.url),
    absent: at(`ldap://127.0.0.1:${await freePort()}`),
    password: PASSWORD,
    drop: server.stop,
  };
}
