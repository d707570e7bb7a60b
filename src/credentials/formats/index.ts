/** The formats: a new family is a file and a line here. `auto` asks them in this order. */
import type { Format } from '../format.ts';
import { withAliases } from '../format-aliases.ts';
import { applianceFormats } from './appliances.ts';
import { argon2Formats } from './argon2.ts';
import { aspnetFormats } from './aspnet.ts';
import { bcryptFormats } from './bcrypt.ts';
import { cmsFormats } from './cms.ts';
import { databaseFormats } from './database.ts';
import { djangoFormats } from './django.ts';
import { forumFormats } from './forums.ts';
import { genericFormats } from './generic.ts';
import { genericDerivedFormats } from './generic-derived.ts';
import { goFormats } from './go.ts';
import { identityServerFormats } from './identity-servers.ts';
import { identityVendorFormats } from './identity-vendors.ts';
import { javaFormats } from './java.ts';
import { javaProductFormats } from './java-products.ts';
import { javaServerFormats } from './java-servers.ts';
import { keycloakFormats } from './keycloak.ts';
import { ldapFormats } from './ldap.ts';
import { nodeFormats } from './node.ts';
import { passlibFormats } from './passlib.ts';
import { phpFormats } from './php.ts';
import { phpCommunityFormats } from './php-communities.ts';
import { phpFrameworkFormats } from './php-frameworks.ts';
import { pythonFormats } from './python.ts';
import { rubyFormats } from './ruby.ts';
import { serverFormats } from './servers.ts';
import { shopFormats } from './shops.ts';
import { springFormats } from './spring.ts';
import { unixFormats } from './unix.ts';
import { webApplicationFormats } from './web-applications.ts';
import { werkzeugFormats } from './werkzeug.ts';
import { windowsFormats } from './windows.ts';

export const FORMATS: readonly Format[] = withAliases([
  ...bcryptFormats,
  ...argon2Formats,
  ...passlibFormats,
  ...unixFormats,
  // Before LDAP: AIX writes {ssha256} in small letters.
  ...applianceFormats,
  ...windowsFormats,
  // Before LDAP, which reads schemes in either case.
  ...springFormats,
  ...ldapFormats,
  ...djangoFormats,
  ...werkzeugFormats,
  ...pythonFormats,
  ...keycloakFormats,
  ...aspnetFormats,
  ...javaFormats,
  ...javaServerFormats,
  ...javaProductFormats,
  ...nodeFormats,
  ...goFormats,
  ...phpFormats,
  ...forumFormats,
  ...shopFormats,
  ...cmsFormats,
  ...webApplicationFormats,
  ...phpFrameworkFormats,
  ...phpCommunityFormats,
  ...rubyFormats,
  ...databaseFormats,
  ...serverFormats,
  ...identityVendorFormats,
  ...identityServerFormats,
  ...genericFormats,
  ...genericDerivedFormats,
]);
