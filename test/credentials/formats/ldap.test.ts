import { ldapFormats } from '../../../src/credentials/formats/ldap.ts';
import { formatContract } from '../format-contract.ts';

formatContract('ldap', ldapFormats);
