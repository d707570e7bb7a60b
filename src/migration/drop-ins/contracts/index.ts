/** The shelf of contracts: a new one is a file here and a line below. */
import type { DropInContract } from '../drop-in.ts';
import type { DropInKind } from '../drop-in-settings.ts';
import { auth0 } from './auth0.ts';
import { cidaasPassword } from './cidaas-password.ts';
import { cognito } from './cognito.ts';
import { fusionauth } from './fusionauth.ts';
import { keycloakPlugin } from './keycloak-plugin.ts';
import { oktaPassword } from './okta-password.ts';
import { oryPassword } from './ory-password.ts';

export const CONTRACTS: Readonly<Record<DropInKind, DropInContract>> = {
  ory: oryPassword,
  cidaas: cidaasPassword,
  keycloak: keycloakPlugin,
  okta: oktaPassword,
  fusionauth,
  cognito,
  auth0,
};
