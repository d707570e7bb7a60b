/** What a format's name says of how its store writes: where several layouts can be read, the one that is meant. */
import type { BcryptParameters } from './algorithms/bcrypt.ts';
import type { Format } from './format.ts';
import { cmsFormats } from './formats/cms.ts';
import { djangoFormats } from './formats/django.ts';
import { forumFormats } from './formats/forums.ts';
import { goFormats } from './formats/go.ts';
import { nodeFormats } from './formats/node.ts';
import { passlibFormats } from './formats/passlib.ts';
import { phpFormats } from './formats/php.ts';
import { phpCommunityFormats } from './formats/php-communities.ts';
import { phpFrameworkFormats } from './formats/php-frameworks.ts';
import { pythonFormats } from './formats/python.ts';
import { shopFormats } from './formats/shops.ts';
import { unixFormats } from './formats/unix.ts';
import { werkzeugFormats } from './formats/werkzeug.ts';
import type { HashOf } from './hash.ts';
import type { Wish } from './store-hash-layout.ts';

export const LAYOUT_NAMES = {
  bcrypt: /bcrypt|bf/i,
  argon2: /argon/i,
  argon2i: /argon2?i(?!d)/i,
  scrypt: /(?:^|[^e])scrypt/i,
  yescrypt: /yescrypt/i,
  sha1: /sha-?1/i,
  sha256: /sha-?256/i,
  sha512: /sha-?512|^crypt$|^shadow$|^django-crypt$/i,
  phpass: /phpass(?!-H)/i,
  phpassH: /-H$/i,
  drupal7: /drupal-?7/i,
  spring: /^spring/i,
  spring58: /^spring(?!-scrypt-v4_1)/i,
  keycloak: /^keycloak/i,
  ldap: /^(?:ldap|openldap|389ds|dovecot|roundup)/i,
  openldap: /^(?:ldap|openldap)/i,
  dovecot: /^dovecot/i,
  betterAuth: /^(?:better-auth|lucia-scrypt)$/i,
} as const;

type Variant = BcryptParameters['variant'];

const namesOf = (...families: readonly (readonly Format[])[]) =>
  new Set(families.flatMap((family) => family.map(({ name }) => name)));

/** PHP's password_hash writes `$2y$`, and password_get_info knows no other: Laravel refuses the rest. */
const PHP = namesOf(
  phpFormats,
  phpFrameworkFormats,
  phpCommunityFormats,
  cmsFormats,
  forumFormats,
  shopFormats,
);
const PHP_NAME = /php|laravel|joomla|symfony|htpasswd/i;
/** What Python, Node, Go and libxcrypt write today. */
const MODERN = namesOf(
  djangoFormats,
  pythonFormats,
  werkzeugFormats,
  passlibFormats,
  nodeFormats,
  goFormats,
  unixFormats,
);
const MODERN_NAME = /bcryptjs|auth0/i;

/** All three are computed alike, but not all are read everywhere; the old `$2a$` is, where nothing says what writes there. */
export function bcryptVariantFor({ format, settings }: Wish, kept: HashOf<'bcrypt'> | undefined): Variant {
  const said = VARIANTS.find((variant) => variant === settings.variant) ?? kept?.parameters.variant;
  if (said) return said;
  const named = VARIANTS.find((variant) => format.endsWith(`-${variant}`));
  if (named) return named;
  if (PHP.has(format) || PHP_NAME.test(format)) return '2y';
  return MODERN.has(format) || MODERN_NAME.test(format) ? '2b' : '2a';
}
const VARIANTS = ['2a', '2b', '2y'] as const;
