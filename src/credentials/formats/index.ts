/** The formats: a new family is a file and a line here. `auto` asks them in this order. */
import type { Format } from '../format.ts';
import { argon2Formats } from './argon2.ts';
import { aspnetFormats } from './aspnet.ts';
import { bcryptFormats } from './bcrypt.ts';
import { databaseFormats } from './database.ts';
import { djangoFormats } from './django.ts';
import { genericFormats } from './generic.ts';
import { javaFormats } from './java.ts';
import { keycloakFormats } from './keycloak.ts';
import { ldapFormats } from './ldap.ts';
import { nodeFormats } from './node.ts';
import { passlibFormats } from './passlib.ts';
import { phpFormats } from './php.ts';
import { productFormats } from './products.ts';
import { rubyFormats } from './ruby.ts';
import { springFormats } from './spring.ts';
import { unixFormats } from './unix.ts';
import { werkzeugFormats } from './werkzeug.ts';

export const FORMATS: readonly Format[] = [
  ...bcryptFormats,
  ...argon2Formats,
  ...passlibFormats,
  ...unixFormats,
  // Before LDAP, which reads schemes in either case.
  ...springFormats,
  ...ldapFormats,
  ...djangoFormats,
  ...werkzeugFormats,
  ...keycloakFormats,
  ...aspnetFormats,
  ...javaFormats,
  ...nodeFormats,
  ...phpFormats,
  ...rubyFormats,
  ...databaseFormats,
  ...productFormats,
  ...genericFormats,
];
