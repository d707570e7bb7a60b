/** PHP applications: WordPress, phpBB, Drupal, Joomla, Magento, MediaWiki, PrestaShop, CakePHP, Symfony. */
import { BCRYPT, DRUPAL7, PHPASS, parseBcrypt, parseDrupal7, parsePhpass } from '../crypt-strings.ts';
import { digestHash, hexOf, prepend } from '../digests.ts';
import { base64, hex, integer, utf8 } from '../encoding.ts';
import { anyOf, format } from '../format.ts';
import { hashOf } from '../hash.ts';
import { parsePbkdf2 } from '../phc-strings.ts';
import type { PreparationStep } from '../preparation.ts';
import { refuse } from '../reasons.ts';

const MD5_HEX = /^[0-9a-f]{32}$/i;

const WP_SHA384: readonly PreparationStep[] = [
  { step: 'hmac', digest: 'sha384', key: Buffer.from('wp-sha384', 'ascii'), as: 'base64' },
];

const wordpress = [
  format({
    name: 'wordpress-bcrypt',
    pattern: /^\$wp(\$2.+)$/,
    mark: true,
    read: ([, text]) => parseBcrypt(text, WP_SHA384),
  }),
  format({ name: 'wordpress-phpass', pattern: PHPASS, read: ([text]) => parsePhpass(text) }),
  format({
    name: 'wordpress-md5',
    pattern: MD5_HEX,
    read: ([text]) => digestHash('md5', { digest: hex(text) }),
  }),
];

/** Plugins write bare bcrypt into the same column. */
const wordpressPlugin = format({
  name: 'wordpress-plugin',
  pattern: BCRYPT,
  read: ([text]) => parseBcrypt(text),
});

/** phpBB hashes what its form reader returns: NFC, with HTML's special characters escaped. */
const PHPBB: readonly PreparationStep[] = [{ step: 'normalize', form: 'NFC' }, { step: 'escape-html' }];

const phpbb = [
  format({ name: 'phpbb-bcrypt', pattern: BCRYPT, read: ([text]) => parseBcrypt(text, PHPBB) }),
  format({ name: 'phpbb-H', pattern: PHPASS, read: ([text]) => parsePhpass(text, PHPBB) }),
];

const magento = [
  format({
    name: 'magento1',
    pattern: /^([0-9a-f]{32})(?::(.*))?$/,
    read: ([, digest, salt = '']) => digestHash('md5', { salt: utf8(salt), digest: hex(digest) }),
  }),
  format({
    name: 'magento2-sha256',
    pattern: /^([0-9a-f]{64}):(.*):1$/,
    read: ([, digest, salt]) => digestHash('sha256', { salt: utf8(salt), digest: hex(digest) }),
  }),
  /** `version_length_passes_bytes`; libsodium takes the first 16 characters of the salt. */
  format({
    name: 'magento2-argon2id',
    pattern: /^([0-9a-f]+):([^:]{16,}):3_(\d+)_(\d+)_(\d+)$/,
    read([, digest, salt, length, passes, bytes]) {
      const parameters = {
        variant: 'id',
        version: 0x13,
        memoryKib: Math.floor(integer(bytes) / 1024),
        passes: integer(passes),
        lanes: 1,
      } as const;
      return hashOf('argon2', parameters, {
        salt: utf8(salt?.slice(0, 16)),
        digest: hex(digest, integer(length)),
      });
    },
  }),
];

const mediawiki = [
  format({
    name: 'mediawiki-A',
    pattern: /^:A:([0-9a-f]{32})$/,
    mark: true,
    read: ([, digest]) => digestHash('md5', { digest: hex(digest) }),
  }),
  /** md5(salt + '-' + md5hex(p)). */
  format({
    name: 'mediawiki-B',
    pattern: /^:B:([^:]*):([0-9a-f]{32})$/,
    mark: true,
    read: ([, salt, digest]) =>
      digestHash('md5', { salt: utf8(salt), digest: hex(digest), preparation: [hexOf('md5'), prepend('-')] }),
  }),
  format({
    name: 'mediawiki-pbkdf2',
    pattern: /^:pbkdf2:(sha\d+):(\d+):(\d+):([^:]+):([^:]+)$/,
    mark: true,
    read: ([, digest, iterations, length, salt, key]) =>
      parsePbkdf2(digest, integer(iterations), { salt: base64(salt), digest: base64(key, integer(length)) }),
  }),
];

const symfony = [
  /** Up to 72 bytes plain bcrypt, beyond over base64(SHA-512). */
  format({
    name: 'symfony-native-bcrypt',
    pattern: BCRYPT,
    read: ([text]) => parseBcrypt(text, [{ step: 'digest', digest: 'sha512', as: 'base64', overBytes: 72 }]),
  }),
  format({
    name: 'symfony-pbkdf2',
    pattern: /^[A-Za-z0-9+/]+={0,2}$/,
    read: ([key], { salt }) => parsePbkdf2('sha512', 1000, { salt: utf8(salt), digest: base64(key) }),
  }),
  /** MessageDigestPasswordEncoder: `password{salt}`, again in each of the 5,000 rounds. */
  format({
    name: 'symfony-sha512',
    pattern: /^[A-Za-z0-9+/]+={0,2}$/,
    read([key], { salt }) {
      if (salt === undefined) return refuse('malformed');
      return digestHash(
        'sha512',
        { salt: utf8(salt && `{${salt}}`), digest: base64(key, 64) },
        { salt: 'suffix', iterations: 5000, repeatsMessage: true },
      );
    },
  }),
];

export const phpFormats = [
  ...wordpress,
  anyOf('wordpress', [...wordpress, wordpressPlugin]),
  ...phpbb,
  anyOf('phpbb', phpbb),
  ...magento,
  anyOf('magento', magento),
  ...mediawiki,
  anyOf('mediawiki', mediawiki),
  ...symfony,
  format({ name: 'drupal7', pattern: DRUPAL7, mark: true, read: ([text]) => parseDrupal7(text) }),
  format({
    name: 'joomla-1.5',
    pattern: /^([0-9a-f]{32})(?::(.*))?$/,
    read: ([, digest, salt = '']) =>
      digestHash('md5', { salt: utf8(salt), digest: hex(digest) }, { salt: 'suffix' }),
  }),
  /** The shop's key is the salt of everybody. */
  format({
    name: 'prestashop-1.6',
    pattern: MD5_HEX,
    settings: ['_COOKIE_KEY_'],
    read: ([digest], { setting }) =>
      digestHash('md5', {
        salt: utf8(setting('_COOKIE_KEY_')),
        digest: hex(digest),
        caveat: 'site_key_disclosed',
      }),
  }),
  format({
    name: 'cakephp2-sha1',
    pattern: /^[0-9a-f]{40}$/,
    settings: ['Security.salt'],
    read: ([digest], { setting }) =>
      digestHash('sha1', { salt: utf8(setting('Security.salt')), digest: hex(digest) }),
  }),
];
