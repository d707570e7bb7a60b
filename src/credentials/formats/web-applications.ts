import { DIGEST_BYTES } from '../algorithm.ts';
import { DRUPAL7, parseDrupal7 } from '../crypt-strings.ts';
import { hexOf } from '../digests.ts';
import { base64, hex, integer, utf8 } from '../encoding.ts';
import { anyOf, format } from '../format.ts';
import { hashOf } from '../hash.ts';
import { parsePbkdf2 } from '../phc-strings.ts';
import {
  bareArgon2,
  bareBcrypt,
  bareMd5,
  bareSha1,
  bareSha256,
  MD5_HEX,
  md5crypt,
  phpass,
  phpassOfMd5,
  phpPassword,
  SHA1_HEX,
  SHA256_HEX,
  shaCrypt,
  withAliases,
} from '../php-hashes.ts';
import { recipeFormat } from '../recipe/recipe-format.ts';

const ofMd5 = (name: string) => phpPassword(name, [hexOf('md5')]);

/** SugarCRM and SuiteCRM: whatever crypt(3) and password_hash write, over the hex of the password's MD5. */
const suitecrm = [
  ofMd5('suitecrm-php'),
  recipeFormat({
    name: 'suitecrm-md5crypt',
    pattern: /^\$1\$.+$/,
    recipe: 'md5crypt(hex(md5(password)), hash) = hash',
  }),
  recipeFormat({
    name: 'suitecrm-sha256crypt',
    pattern: /^\$5\$.+$/,
    recipe: 'sha256crypt(hex(md5(password)), hash) = hash',
  }),
  recipeFormat({
    name: 'suitecrm-sha512crypt',
    pattern: /^\$6\$.+$/,
    recipe: 'sha512crypt(hex(md5(password)), hash) = hash',
  }),
  bareMd5,
];

/** The site's salt was cut from what crypt(3) had written. */
const espocrmLegacy = format({
  name: 'espocrm-sha512',
  pattern: /^[./0-9A-Za-z]{86}$/,
  settings: ['passwordSalt'],
  read: ([digest], { setting }) =>
    hashOf(
      'sha-crypt',
      { digest: 'sha512', rounds: 5000, saysRounds: false },
      {
        salt: utf8(setting('passwordSalt')?.slice(0, 16)),
        digest: utf8(digest),
        preparation: [hexOf('md5')],
      },
    ),
});

const DOLIBARR_SALT = "setting('MAIN_SECURITY_SALT', '')";
const dolibarr = [
  bareBcrypt,
  bareArgon2,
  recipeFormat({ name: 'dolibarr-md5', pattern: MD5_HEX, recipe: `hex(md5(${DOLIBARR_SALT} . password))` }),
  recipeFormat({
    name: 'dolibarr-sha1md5',
    pattern: SHA1_HEX,
    recipe: `hex(sha1(hex(md5(${DOLIBARR_SALT} . password))))`,
  }),
  recipeFormat({
    name: 'dolibarr-sha256',
    pattern: SHA256_HEX,
    recipe: `hex(sha256(${DOLIBARR_SALT} . password))`,
  }),
];

/** `salt,digest{SHA-256}`, base64 without padding; without a mark it is crypt(3). */
const bugzilla = recipeFormat({
  name: 'bugzilla',
  pattern: /^([^,]{1,64}),([A-Za-z0-9+/]{43})\{SHA-256\}$/,
  mark: true,
  recipe: 'base64(sha256(password . $1)) = $2',
});

/** The salt's base64 text is the salt, as the PHP version of this widely copied class has it. */
const defuse = (name: string) =>
  format({
    name,
    pattern: /^(sha\d+|md5):(\d{1,7}):([A-Za-z0-9+/]+=*):([A-Za-z0-9+/]+=*)$/,
    read: ([, digest, iterations, salt, key]) =>
      parsePbkdf2(digest, integer(iterations), { salt: utf8(salt), digest: base64(key) }),
  });
const coppermine = format({
  name: 'coppermine-pbkdf2',
  pattern: /^[A-Za-z0-9+/]+=*$/,
  read([key], { salt, column }) {
    const iterations = integer(column('user_password_iterations'));
    return parsePbkdf2(column('user_password_hash_algorithm'), iterations, {
      salt: utf8(salt || undefined),
      digest: base64(key),
    });
  },
});

/** Public Knowledge Project: the user name stands in front. */
const ojs = [
  bareBcrypt,
  bareArgon2,
  recipeFormat({ name: 'ojs-sha1', pattern: SHA1_HEX, recipe: 'hex(sha1(username . password))' }),
  recipeFormat({ name: 'ojs-md5', pattern: MD5_HEX, recipe: 'hex(md5(username . password))' }),
];

const phpmyfaqSha256 = recipeFormat({
  name: 'phpmyfaq-sha256',
  pattern: SHA256_HEX,
  recipe: "hex(sha256(password . setting('security.salt', '') . username))",
});

const seafile = format({
  name: 'seafile',
  pattern: /^PBKDF2(SHA\d+)\$(\d{1,8})\$((?:[0-9a-f]{2})+)\$((?:[0-9a-f]{2})+)$/i,
  mark: true,
  read: ([, digest, iterations, salt, key]) =>
    parsePbkdf2(digest, integer(iterations), { salt: hex(salt), digest: hex(key) }),
});

/** phpsec.org's article: 9 characters of salt (Pligg), or 25 (UserCake), in front of the digest. */
const phpsec = anyOf('phpsec-sha1', [
  recipeFormat({
    name: 'phpsec-sha1',
    pattern: /^([0-9a-f]{9}|[0-9a-f]{25})([0-9a-f]{40})$/,
    recipe: 'hex(sha1($1 . password)) = $2',
  }),
]);

/** The key is the two characters in the middle. */
const kmd5 = recipeFormat({
  name: 'dokuwiki-kmd5',
  pattern: /^([0-9a-f]{16})(..)([0-9a-f]{16})$/,
  recipe: 'hex(md5($2 . hex(md5(password)))) = $1 . $3',
});
const prefixed = (digest: 'md5' | 'sha1', length: number) =>
  recipeFormat({
    name: `dokuwiki-django-${digest}`,
    pattern: new RegExp(`^${digest}\\$([^$]{5})\\$([0-9a-f]{${length}})$`),
    recipe: `hex(${digest}($1 . password)) = $2`,
  });
const suffixed = (name: string, scheme: string, digest: 'md5' | 'sha1') =>
  recipeFormat({
    name,
    pattern: new RegExp(`^\\{${scheme}\\}([A-Za-z0-9+/]+={0,2})$`),
    recipe: `${digest}(password . slice(unbase64($1), ${DIGEST_BYTES[digest]})) = slice(unbase64($1), 0, ${DIGEST_BYTES[digest]})`,
  });

/** All that DokuWiki's PassHash verifies: whatever the wiki was set up with over the years. */
const dokuwiki = [
  bareBcrypt,
  bareArgon2,
  shaCrypt,
  md5crypt,
  phpass,
  format({ name: 'drupal-7', pattern: DRUPAL7, read: ([text]) => parseDrupal7(text) }),
  format({
    name: 'django-pbkdf2',
    pattern: /^pbkdf2_(\w+)\$(\d{1,8})\$(.{12})\$([A-Za-z0-9+/]+=*)$/,
    read: ([, digest, iterations, salt, key]) =>
      parsePbkdf2(digest, integer(iterations), { salt: utf8(salt), digest: base64(key) }),
  }),
  seafile,
  prefixed('sha1', 40),
  prefixed('md5', 32),
  recipeFormat({ name: 'woltlab', pattern: /^Bcrypt:(\$2.+)$/, recipe: 'bcrypt(password, $1) = $1' }),
  suffixed('ssha', 'SSHA', 'sha1'),
  suffixed('smd5', 'SMD5', 'md5'),
  recipeFormat({
    name: 'mediawiki-B',
    pattern: /^:B:(.+?):([0-9a-f]{32})$/,
    recipe: "hex(md5($1 . '-' . hex(md5(password)))) = $2",
  }),
  bareMd5,
  bareSha1,
  recipeFormat({
    name: 'mysql-4.1',
    pattern: /^\*([0-9A-F]{40})$/,
    recipe: 'hex(sha1(sha1(password))) = $1',
  }),
  kmd5,
  phpassOfMd5,
];

export const webApplicationFormats = withAliases(
  [
    anyOf('dokuwiki', dokuwiki),
    ...['suitecrm', 'sugarcrm'].map((name) => anyOf(name, suitecrm)),
    espocrmLegacy,
    anyOf('espocrm', [bareBcrypt, espocrmLegacy]),
    anyOf('vtiger', [md5crypt, bareBcrypt, bareArgon2]),
    anyOf('dolibarr', dolibarr),
    anyOf('glpi', [bareBcrypt, bareArgon2, bareSha1, bareMd5]),
    ...['matomo', 'piwik'].map((name) => anyOf(name, [ofMd5(name), bareMd5])),
    anyOf('phplist', [bareSha256, bareMd5, bareBcrypt]),
    anyOf('limesurvey', [bareSha256, bareBcrypt, bareArgon2]),
    anyOf('mantis', [bareMd5, md5crypt, bareBcrypt]),
    bugzilla,
    recipeFormat({ name: 'redmine', pattern: SHA1_HEX, recipe: 'hex(sha1(salt . hex(sha1(password))))' }),
    defuse('defuse-pbkdf2'),
    anyOf('xibo', [defuse('xibo'), bareBcrypt, bareMd5]),
    anyOf('coppermine', [coppermine, bareMd5]),
    anyOf('ojs', ojs),
    phpmyfaqSha256,
    anyOf('phpmyfaq', [bareBcrypt, phpmyfaqSha256]),
    seafile,
    phpsec,
    ...['pligg', 'usercake'].map((name) => anyOf(name, [phpsec, bareBcrypt])),
    // phpIPAM asks crypt(3) for 3,000 rounds.
    anyOf('phpipam', [shaCrypt, bareBcrypt, bareArgon2, bareMd5]),
  ],
  {
    suitecrm: ['suitecrm-bcrypt', 'sugarcrm-md5'],
    vtiger: ['vtiger-md5'],
    dolibarr: ['dolibarr-md5'],
    glpi: ['glpi-sha1'],
    matomo: ['matomo-bcrypt'],
    phplist: ['phplist-sha256'],
    limesurvey: ['limesurvey-sha256'],
    mantis: ['mantisbt'],
    bugzilla: ['bugzilla-sha256'],
    redmine: ['redmine-sha1'],
    xibo: ['xibo-pbkdf2'],
    ojs: ['pkp', 'omp'],
    seafile: ['seafile-pbkdf2'],
  },
);
