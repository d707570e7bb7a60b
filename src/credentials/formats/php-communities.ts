/** PHP sites of communities and what they were built with: Oxwall, SocialEngine, Question2Answer, SPIP, Sentry. */

import { MD5_HEX, SHA1_HEX, SHA256_HEX } from '../php-hashes.ts';
import { recipeFormat } from '../recipe/recipe-format.ts';

export const phpCommunityFormats = [
  recipeFormat({
    name: 'oxwall-sha256',
    pattern: SHA256_HEX,
    recipe: "hex(sha256(setting('OW_PASSWORD_SALT') . password))",
  }),
  recipeFormat({
    name: 'socialengine-md5',
    pattern: MD5_HEX,
    recipe: "hex(md5(setting('core_secret') . password . salt))",
  }),
  /** Half of the salt's sixteen characters in front, half behind. */
  recipeFormat({
    name: 'question2answer-sha1',
    pattern: SHA1_HEX,
    recipe: 'hex(sha1(slice(salt, 0, 8) . password . slice(salt, 8)))',
  }),
  recipeFormat({
    name: 'spip-sha256',
    pattern: SHA256_HEX,
    recipe: "hex(sha256(column('alea_actuel') . password))",
  }),
  /** Sentry 2: sixteen characters of salt in front of the hex text. */
  recipeFormat({
    name: 'cartalyst-sha256',
    pattern: /^([A-Za-z0-9]{16})([0-9a-f]{64})$/,
    recipe: 'hex(sha256($1 . password)) = $2',
  }),
  /** FuelPHP's Auth: one salt for all, in the configuration. */
  recipeFormat({
    name: 'fuelphp-simpleauth',
    pattern: /^[A-Za-z0-9+/]{43}=?$/,
    recipe: "base64(pbkdf2_sha256(password, setting('salt'), 10000, 32))",
  }),
];
