/** Content management and learning platforms, file sharing, wikis. */
import { BCRYPT, DRUPAL7, parseBcrypt, parseDrupal7 } from '../crypt-strings.ts';
import { base64, integer } from '../encoding.ts';
import { anyOf, format } from '../format.ts';
import { parseArgon2, parsePasslibPbkdf2, parsePbkdf2 } from '../phc-strings.ts';
import {
  bareArgon2,
  bareBcrypt,
  bareMd5,
  bareSha1,
  fromColumn,
  MD5_HEX,
  md5crypt,
  named,
  phpass,
  phpassOfMd5,
  SHA1_HEX,
  SHA256_HEX,
  SHA512_HEX,
  shaCrypt,
  withAliases,
} from '../php-hashes.ts';
import { refuse } from '../reasons.ts';
import { recipeFormat } from '../recipe/recipe-format.ts';

const drupal7 = format({ name: 'drupal-7', pattern: DRUPAL7, read: ([text]) => parseDrupal7(text) });
/** `U` marks Drupal 6's MD5 hashed once more, on the way to 7; phpass came with imports. */
const drupal = [drupal7, phpass, phpassOfMd5, bareBcrypt, bareArgon2, bareMd5];

const joomlaSha256 = recipeFormat({
  name: 'joomla-sha256',
  pattern: /^\{SHA256\}([0-9a-f]{64}):(.*)$/,
  mark: true,
  recipe: 'hex(sha256(password . $2)) = $1',
});
const joomlaMd5 = recipeFormat({
  name: 'joomla-md5',
  pattern: /^([0-9a-f]{32})(?::(.*))?$/,
  recipe: 'hex(md5(password . $2)) = $1',
});

/** bcrypt's `$2y$` over base64(SHA-384): as many bytes as bcrypt takes. `$2a$` is the older crypt(3), bare. */
const typo3Bcrypt = format({
  name: 'typo3-bcrypt',
  pattern: /^\$2y\$.+$/,
  read: ([text]) => parseBcrypt(text, [{ step: 'digest', digest: 'sha384', as: 'base64' }]),
});
const typo3Pbkdf2 = format({
  name: 'typo3-pbkdf2',
  pattern: /^\$pbkdf2-sha256\$.+$/,
  read: ([text]) => parsePasslibPbkdf2(text),
});
/** `M$P$…`: MD5s of old, salted by a task of the scheduler. */
const typo3Upgraded = named('typo3-upgraded', phpassOfMd5);
const typo3 = [
  typo3Bcrypt,
  bareArgon2,
  typo3Pbkdf2,
  phpass,
  md5crypt,
  format({ name: 'typo3-blowfish', pattern: /^\$2a\$.+$/, read: ([text]) => parseBcrypt(text) }),
  typo3Upgraded,
  bareMd5,
];

const contao2 = anyOf('contao-2', [
  recipeFormat({
    name: 'contao-2',
    pattern: /^([0-9a-f]{40}):([0-9a-f]{23})$/,
    recipe: 'hex(sha1($2 . password)) = $1',
  }),
  bareSha1,
]);

const concrete5Md5 = recipeFormat({
  name: 'concrete5-md5',
  pattern: MD5_HEX,
  recipe: "hex(md5(password . ':' . setting('PASSWORD_SALT')))",
});

const modxPbkdf2 = recipeFormat({
  name: 'modx-pbkdf2',
  pattern: /^[A-Za-z0-9+/]{43}=$/,
  recipe: 'base64(pbkdf2_sha256(password, salt, 1000, 32))',
});

/** Without a site's salt, as Moodle was set up before 1.9, nothing stands behind the password. */
const moodleMd5 = recipeFormat({
  name: 'moodle-md5',
  pattern: MD5_HEX,
  recipe: "hex(md5(password . setting('passwordsaltmain', '')))",
});

const elggMd5 = recipeFormat({ name: 'elgg-md5', pattern: MD5_HEX, recipe: 'hex(md5(password . salt))' });

/** Before the versions: bcrypt of the password and config.php's salt, or a bare SHA-1. */
const owncloudLegacy = anyOf('owncloud-legacy', [
  recipeFormat({
    name: 'owncloud-legacy',
    pattern: BCRYPT,
    recipe: "bcrypt(password . setting('passwordsalt', ''), hash) = hash",
  }),
  bareSha1,
]);
const nextcloudVersioned = {
  ...format({
    name: 'nextcloud-versioned',
    pattern: /^[1-3]\|(\$(?:2[aby]|argon2id?)\$.+)$/,
    mark: true,
    read: ([, text = '']) => (text.startsWith('$2') ? parseBcrypt(text) : parseArgon2(text)),
  }),
};

const silverstripeSha1 = recipeFormat({
  name: 'silverstripe-sha1',
  pattern: SHA1_HEX,
  recipe: 'hex(sha1(password . salt))',
});

const serendipitySha1 = recipeFormat({
  name: 'serendipity-sha1',
  pattern: SHA1_HEX,
  recipe: "hex(sha1(setting('hashkey') . password))",
});

const dotclearHmac = anyOf(
  'dotclear-hmac',
  Object.entries({ sha1: SHA1_HEX, sha256: SHA256_HEX, sha512: SHA512_HEX, md5: MD5_HEX }).map(
    ([digest, pattern]) =>
      recipeFormat({
        name: 'dotclear-hmac',
        pattern,
        recipe: `hex(hmac_${digest}(setting('DC_MASTER_KEY'), password))`,
      }),
  ),
);

/** The length tells the digest. A salt column of another length than the hash was never used. */
const expressionengine = anyOf(
  'expressionengine',
  Object.entries({ sha512: SHA512_HEX, sha256: SHA256_HEX, sha1: SHA1_HEX, md5: MD5_HEX }).map(
    ([digest, pattern]) =>
      recipeFormat({
        name: 'expressionengine',
        pattern,
        recipe: `hex(${digest}(column('salt', '') . password))`,
      }),
  ),
);

/** `strategy=>hash`; the site's encryption key stands behind the salt. */
const neosPbkdf2 = format({
  name: 'neos-pbkdf2',
  pattern: /^pbkdf2=>([A-Za-z0-9+/]+=*),([A-Za-z0-9+/]+=*)$/,
  mark: true,
  settings: ['encryptionKey'],
  read([, salt, key], { setting }) {
    const bytes = base64(salt);
    if (!bytes) return refuse('malformed');
    return parsePbkdf2('sha256', integer(setting('iterationCount') ?? '10000'), {
      salt: Buffer.concat([bytes, Buffer.from(setting('encryptionKey')!, 'utf8')]),
      digest: base64(key),
      caveat: 'site_key_disclosed',
    });
  },
});
const neosBcrypt = format({
  name: 'neos-bcrypt',
  pattern: /^bcrypt=>(\$2.+)$/,
  mark: true,
  read: ([, text]) => parseBcrypt(text),
});

const bitrixMd5 = recipeFormat({
  name: 'bitrix-md5',
  pattern: /^(.{0,16})([0-9a-f]{32})$/s,
  recipe: 'hex(md5($1 . password)) = $2',
});
const doubleMd5 = recipeFormat({
  name: 'datalife-engine-md5',
  pattern: MD5_HEX,
  recipe: 'hex(md5(hex(md5(password))))',
});

const textpatternMysql = recipeFormat({
  name: 'textpattern-4.3',
  pattern: /^\*([0-9a-f]{40})$/i,
  recipe: 'hex(sha1(sha1(password))) = $1',
});

export const cmsFormats = withAliases(
  [
    anyOf('drupal', drupal),
    named('drupal-6', bareMd5),
    joomlaSha256,
    anyOf('joomla', [phpass, bareBcrypt, bareArgon2, joomlaSha256, joomlaMd5]),
    typo3Bcrypt,
    typo3Pbkdf2,
    typo3Upgraded,
    anyOf('typo3', typo3),
    contao2,
    anyOf('contao', [bareBcrypt, bareArgon2, shaCrypt, contao2]),
    concrete5Md5,
    anyOf('concrete5', [phpass, bareBcrypt, bareArgon2, concrete5Md5]),
    fromColumn('password', modxPbkdf2),
    fromColumn('password', anyOf('modx', [bareBcrypt, bareArgon2, bareMd5, modxPbkdf2])),
    moodleMd5,
    anyOf('moodle', [bareBcrypt, shaCrypt, moodleMd5]),
    elggMd5,
    fromColumn('password_hash', anyOf('elgg', [bareBcrypt, bareArgon2, elggMd5])),
    nextcloudVersioned,
    owncloudLegacy,
    ...['nextcloud', 'owncloud'].map((name) => anyOf(name, [nextcloudVersioned, owncloudLegacy])),
    fromColumn('Password', anyOf('silverstripe', [bareBcrypt, silverstripeSha1])),
    silverstripeSha1,
    anyOf('textpattern', [bareBcrypt, phpass, textpatternMysql]),
    serendipitySha1,
    anyOf('serendipity', [bareBcrypt, serendipitySha1, bareMd5]),
    dotclearHmac,
    anyOf('dotclear', [bareBcrypt, bareArgon2, dotclearHmac]),
    expressionengine,
    // 1C-Bitrix: the salt stands in front, usually of 8 characters; sha512crypt since 20.5.
    anyOf('bitrix', [bitrixMd5, shaCrypt]),
    bitrixMd5,
    anyOf('datalife-engine', [doubleMd5, bareBcrypt, bareArgon2]),
    neosPbkdf2,
    anyOf('neos', [neosBcrypt, neosPbkdf2]),
  ],
  {
    drupal: ['drupal8', 'drupal10', 'drupal7-upgraded', 'drupal7-phpass'],
    'drupal-6': ['drupal6'],
    joomla: ['joomla-phpass', 'joomla-2.5', 'joomla-3', 'joomla-md5'],
    typo3: ['typo3-phpass', 'typo3-argon2i', 'typo3-argon2id', 'typo3-md5crypt', 'typo3-md5'],
    'typo3-upgraded': ['typo3-md5-phpass'],
    'contao-2': ['contao2', 'contao-sha1'],
    contao: ['contao3', 'contao4', 'contao-sha512'],
    concrete5: ['concrete5-phpass', 'concrete5-bcrypt', 'concretecms'],
    'modx-pbkdf2': ['modx-revolution'],
    modx: ['modx-evolution', 'modx-md5'],
    'moodle-md5': ['moodle-1'],
    moodle: ['moodle-bcrypt', 'moodle-sha512crypt'],
    'elgg-md5': ['elgg-1'],
    nextcloud: ['nextcloud-bcrypt', 'nextcloud-argon2i', 'nextcloud-argon2id'],
    silverstripe: ['silverstripe-blowfish'],
    textpattern: ['textpattern-phpass'],
    serendipity: ['s9y'],
    'dotclear-hmac': ['dotclear-2'],
    expressionengine: ['expressionengine-sha512'],
    neos: ['typo3-flow', 'neos-flow', 'flow'],
    bitrix: ['1c-bitrix'],
    'datalife-engine': ['dle'],
  },
);
