import { keycloakFormats } from '../../../src/credentials/formats/keycloak.ts';
import { formatContract } from '../format-contract.ts';

formatContract('keycloak', keycloakFormats);
