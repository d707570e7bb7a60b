/** PHP applications: WordPress, phpBB, Drupal, Joomla, Magento, MediaWiki, PrestaShop, CakePHP, Symfony. */
import { BCRYPT, DRUPAL7, PHPASS, parseBcrypt, parseDrupal7, parsePhpass } from '../crypt-strings.ts';
import { digestHash, hexOf, prepend } from '../digests.ts';
import { base64, cryptCharacter, hex, integer, utf8 } from '../encoding.ts';
import { anyOf, format } from '../format.ts';
import type { ParsedHash } from '../hash.ts';
import { hashOf } from '../hash.ts';
import { ARGON2, parseArgon2, parsePbkdf2 } from '../phc-strings.ts';
import { bareArgon2, phpPassword } from '../php-hashes.ts';
import type { PreparationStep } from '../preparation.ts';
import type { Refusal } from '../reasons.ts';
import { refuse } from '../reasons.ts';
import { recipeFormat } from '../recipe/recipe-format.ts';

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

/** Plugins, and a filter since 6.8, write what PHP does into the same column. */
const wordpressPlugin = phpPassword('wordpress-plugin');

/** phpBB hashes what its form reader returns: NFC, with HTML's special characters escaped. */
const PHPBB: readonly PreparationStep[] = [{ step: 'normalize', form: 'NFC' }, { step: 'escape-html' }];

const PHPBB_FORM = 'escape_html(nfc(password))';

const phpbb = [
  format({ name: 'phpbb-bcrypt', pattern: BCRYPT, read: ([text]) => parseBcrypt(text, PHPBB) }),
  format({ name: 'phpbb-H', pattern: PHPASS, read: ([text]) => parsePhpass(text, PHPBB) }),
  format({ name: 'phpbb-argon2', pattern: ARGON2, read: ([text]) => parseArgon2(text, PHPBB) }),
];

/** Tables of 3.0 were hashed once more on the way to 3.1: bcrypt over phpass' 22 characters, settings in a row. */
const phpbbCombined = anyOf(
  'phpbb-combined',
  [7, 8, 9, 10, 11, 12, 13, 14, 15].map((log2Rounds) =>
    recipeFormat({
      name: 'phpbb-combined',
      pattern: new RegExp(
        `^\\$[HP]\\\\(2[ay])\\$${cryptCharacter(log2Rounds)}(.{8})\\$(\\d\\d)\\\\(.{22})\\$(.{31})$`,
      ),
      recipe: `bcrypt(crypt64(iterate(${2 ** log2Rounds}, md5($2 . ${PHPBB_FORM}), md5(it . ${PHPBB_FORM}))), '$' . $1 . '$' . $3 . '$' . $4) = '$' . $1 . '$' . $3 . '$' . $4 . $5`,
    }),
  ),
);

/**
 * Magento 2's `hash:salt:versions`: 0 is MD5, 1 SHA-256, 2 and `3_length_passes_bytes` Argon2id of libsodium. After an
 * upgrade each version hashes the hex of the one before, with the same salt.
 */
const magento2 = format({
  name: 'magento2',
  pattern: /^([0-9a-f]{32,128}):([^:]+):([0-9_]+(?::[0-9_]+){0,3})$/,
  read([, digest, salt = '', list = '']) {
    const versions = list.split(':');
    const preparation = versions.slice(0, -1).flatMap((version) => magentoStep(version, salt));
    if (preparation.includes(undefined)) return refuse('unsupported_algorithm');
    return magentoHash(versions.at(-1)!, { digest, salt, preparation: preparation as PreparationStep[] });
  },
});

function magentoStep(version: string, salt: string): (PreparationStep | undefined)[] {
  if (version !== '0' && version !== '1') return [undefined];
  return [{ step: 'prepend', bytes: Buffer.from(salt, 'utf8') }, hexOf(version === '0' ? 'md5' : 'sha256')];
}

interface MagentoParts {
  readonly digest: string | undefined;
  readonly salt: string;
  readonly preparation: readonly PreparationStep[];
}

function magentoHash(version: string, { digest, salt, preparation }: MagentoParts): ParsedHash | Refusal {
  if (version === '0' || version === '1') {
    const [name, length] = version === '0' ? (['md5', 16] as const) : (['sha256', 32] as const);
    return digestHash(name, { salt: utf8(salt), digest: hex(digest, length), preparation });
  }
  const costs = version === '2' ? ['32', '2', '67108864'] : /^3_(\d+)_(\d+)_(\d+)$/.exec(version)?.slice(1);
  if (!costs) return refuse('unsupported_algorithm');
  const [length, passes, bytes] = costs;
  const memoryKib = Math.floor(integer(bytes) / 1024);
  const parameters = { variant: 'id', version: 0x13, memoryKib, passes: integer(passes), lanes: 1 } as const;
  // libsodium wants 16 bytes: what is longer is cut, what is shorter repeated.
  const repeated = Buffer.alloc(16, salt);
  return hashOf('argon2', parameters, { salt: repeated, digest: hex(digest, integer(length)), preparation });
}

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
  magento2,
];

/** What `wrapOldPasswords.php` made: PBKDF2 over the hex of A or B. Layers are parted by `!`. */
const mediawikiLayered = anyOf('mediawiki-layered', [
  ...['md5', 'sha1', 'sha256', 'sha512'].flatMap((digest) => [
    recipeFormat({
      name: 'mediawiki-legacyA',
      pattern: new RegExp(`^:pbkdf2-legacyA:!${digest}:(\\d+):(\\d+)!!([^!]+)!([^!]+)$`),
      recipe: `base64(pbkdf2_${digest}(hex(md5(password)), unbase64($3), int($1), int($2))) = $4`,
    }),
    recipeFormat({
      name: 'mediawiki-legacyB',
      pattern: new RegExp(`^:pbkdf2-legacyB:!${digest}:(\\d+):(\\d+)!([^!]*)!([^!]+)!([^!]+)$`),
      recipe: `base64(pbkdf2_${digest}(hex(md5($3 . '-' . hex(md5(password)))), unbase64($4), int($1), int($2))) = $5`,
    }),
  ]),
]);
const MEDIAWIKI_LAYERED_MARK = /^:pbkdf2-legacy[AB]:!(?:md5|sha1|sha256|sha512):\d+:\d+!/;

const mediawikiNewer = [
  {
    ...mediawikiLayered,
    recognises: ({ hash }: { hash: string | undefined }) =>
      hash !== undefined && MEDIAWIKI_LAYERED_MARK.test(hash),
  },
  format({
    name: 'mediawiki-bcrypt',
    pattern: /^:bcrypt:(\d{1,2})\$([./A-Za-z0-9]{22})\$([./A-Za-z0-9]{31})$/,
    mark: true,
    read: ([, cost = '', salt, digest]) => parseBcrypt(`$2y$${cost.padStart(2, '0')}$${salt}${digest}`),
  }),
  format({
    name: 'mediawiki-argon2',
    pattern: /^:argon2:(\$argon2.+)$/,
    mark: true,
    read: ([, text]) => parseArgon2(text),
  }),
];

const mediawiki = [
  ...mediawikiNewer,
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
  phpbbCombined,
  anyOf('phpbb', [
    ...phpbb,
    phpbbCombined,
    recipeFormat({ name: 'phpbb-md5', pattern: MD5_HEX, recipe: `hex(md5(${PHPBB_FORM}))` }),
  ]),
  ...magento,
  // Before version 1, whose salt may be anything: `md5:salt:0` is version 2's way to write it.
  anyOf('magento', [magento2, ...magento]),
  ...mediawiki,
  anyOf('mediawiki', mediawiki),
  ...symfony,
  // 64 bytes beside a salt are the digest of old; PBKDF2 has 40 unless it was told otherwise.
  anyOf('symfony', [symfony[0]!, bareArgon2, ...symfony.slice(1).reverse()]),
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
      digestHash('sha1', {
        salt: utf8(setting('Security.salt')),
        digest: hex(digest),
        caveat: 'site_key_disclosed',
      }),
  }),
];
