/** PHP frameworks' own classes for passwords: Symfony, Laminas, CakePHP, Kohana, CodeIgniter, Laravel, Yii. */
import type { DigestName } from '../algorithm.ts';
import { DIGEST_BYTES } from '../algorithm.ts';
import { digestHash, hexOf } from '../digests.ts';
import { base64, hex, integer, utf8 } from '../encoding.ts';
import type { Format } from '../format.ts';
import { anyOf, format } from '../format.ts';
import type { ParsedHash } from '../hash.ts';
import { digestOf } from '../phc-strings.ts';
import {
  bareArgon2,
  bareBcrypt,
  MD5_HEX,
  phpPassword,
  SHA1_HEX,
  SHA256_HEX,
  SHA512_HEX,
  withAliases,
} from '../php-hashes.ts';
import type { Refusal } from '../reasons.ts';
import { refuse } from '../reasons.ts';
import { recipeFormat } from '../recipe/recipe-format.ts';

/** Ion Auth for CodeIgniter: the salt in a column, or ten characters of it in place of the digest's last ten. */
const ionAuth = anyOf('ion-auth-sha1', [
  recipeFormat({ name: 'ion-auth-sha1', pattern: SHA1_HEX, recipe: 'hex(sha1(password . salt))' }),
  recipeFormat({
    name: 'ion-auth-sha1',
    pattern: /^([0-9a-f]{10})([0-9a-f]{30})$/,
    recipe: 'slice(hex(sha1($1 . password)), 0, 30) = $2',
  }),
]);

const hmacOfLength = (name: string, key: string) =>
  anyOf(
    name,
    Object.entries({ sha256: SHA256_HEX, sha1: SHA1_HEX, sha512: SHA512_HEX, md5: MD5_HEX }).map(
      ([digest, pattern]) =>
        recipeFormat({ name, pattern, recipe: `hex(hmac_${digest}(setting('${key}'), password))` }),
    ),
  );

/** Security::hash of any digest with the application's salt in front. */
const cakephp = anyOf(
  'cakephp',
  [bareBcrypt as Format, bareArgon2].concat(
    Object.entries({ sha1: SHA1_HEX, sha256: SHA256_HEX, sha512: SHA512_HEX, md5: MD5_HEX }).map(
      ([digest, pattern]) =>
        recipeFormat({
          name: 'cakephp',
          pattern,
          recipe: `hex(${digest}(setting('Security.salt') . password))`,
        }),
    ),
  ),
);

/** MessageDigestPasswordHasher as security.yaml sets it up; sha512, base64 and 5,000 rounds are its defaults. */
const symfonyDigest = format({
  name: 'symfony-message-digest',
  pattern: /^[A-Za-z0-9+/]+={0,2}$/,
  read([text], { salt, setting }) {
    const digest = digestOf(setting('algorithm') ?? 'sha512');
    if (!digest) return refuse('unsupported_algorithm');
    return symfonyHash({ digest, iterations: integer(setting('iterations') ?? '5000') }, [
      setting('encode_as_base64') === 'false' ? hex(text) : base64(text, DIGEST_BYTES[digest]),
      salt ? `{${salt}}` : '',
    ]);
  },
});

function symfonyHash(
  { digest, iterations }: { readonly digest: DigestName; readonly iterations: number },
  [bytes, salt]: readonly [Buffer | undefined, string],
): ParsedHash | Refusal {
  const parts = { salt: utf8(salt), digest: bytes };
  return digestHash(digest, parts, { salt: 'suffix', iterations, repeatsMessage: true });
}

/** Offsets in the digest's hex at which Kohana 3.0 puts a character of salt each. */
const KOHANA_PATTERN = '1, 3, 5, 9, 14, 15, 20, 21, 28, 30';

/** The salt is scattered over the digest; `salt_pattern` says where, the length which digest it is. */
const kohana30 = format({
  name: 'kohana-3.0',
  pattern: /^[0-9a-f]{32,192}$/,
  read([text = ''], { setting }) {
    const offsets = (setting('salt_pattern') ?? KOHANA_PATTERN)
      .split(',')
      .map((offset) => integer(offset.trim()));
    const places = new Set(offsets.map((offset, at) => offset + at));
    const characters = [...text];
    const salt = characters.filter((_, at) => places.has(at)).join('');
    const digest = hex(characters.filter((_, at) => !places.has(at)).join(''));
    const name = (['sha1', 'md5', 'sha256', 'sha512'] as const).find(
      (known) => DIGEST_BYTES[known] === digest?.length,
    );
    return name && salt.length === offsets.length
      ? digestHash(name, { salt: utf8(salt), digest })
      : refuse('malformed');
  },
});

export const phpFrameworkFormats = withAliases(
  [
    ionAuth,
    anyOf('ion-auth', [bareBcrypt, bareArgon2, ionAuth]),
    kohana30,
    ...['kohana', 'kohana-3.1'].map((name) => hmacOfLength(name, 'hash_key')),
    ...['laminas-bcrypt-sha', 'zend-bcrypt-sha'].map((name) => phpPassword(name, [hexOf('sha256')])),
    cakephp,
    symfonyDigest,
    ...['laravel', 'laravel-argon', 'yii2', 'codeigniter4', 'osticket', 'flarum'].map((name) =>
      phpPassword(name),
    ),
  ],
  {
    'ion-auth-sha1': ['codeigniter-ion-auth'],
    'kohana-3.0': ['kohana-sha1'],
    'laminas-bcrypt-sha': ['zend-bcryptsha'],
    laravel: ['laravel-argon2i', 'laravel-argon2id'],
    yii2: ['yii1', 'yii2-bcrypt'],
    cakephp: ['cakephp-md5', 'cakephp-sha256', 'cakephp3'],
  },
);
