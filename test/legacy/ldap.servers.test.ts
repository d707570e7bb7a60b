import { describe } from 'vitest';
import { requiresSlapd } from '../servers/slapd.ts';
import { connectorContract } from './connector-contract.ts';
import { shopStore } from './ldap-store.ts';

const slapd = requiresSlapd();

describe.skipIf(slapd.skip)(slapd.name, () => {
  connectorContract('ldap', shopStore, { lacks: ['findByIds', 'statements', 'columns'] });
});
