import { anyOf } from '../format.ts';
import {
  bareArgon2,
  bareBcrypt,
  bareMd5,
  fromColumn,
  MD5_HEX,
  named,
  phpass,
  phpPassword,
  SHA1_HEX,
  SHA512_HEX,
  withAliases,
} from '../php-hashes.ts';
import { recipeFormat } from '../recipe/recipe-format.ts';

/** `digest:salt`, the salt in front of the password. */
const saltedPrefix = (name: string, digest: 'md5' | 'sha256' | 'sha512', length: number) =>
  recipeFormat({
    name,
    pattern: new RegExp(`^([0-9a-f]{${length}}):(.+)$`, 's'),
    recipe: `hex(${digest}($2 . password)) = $1`,
  });
const md5Prefix = (name: string) => saltedPrefix(name, 'md5', 32);

const zencart = [
  md5Prefix('zencart-md5'),
  saltedPrefix('zencart-sha256', 'sha256', 64),
  bareBcrypt,
  bareArgon2,
];

const tripleSha1 = (name: string, password = 'password') =>
  recipeFormat({
    name,
    pattern: SHA1_HEX,
    recipe: `hex(sha1(salt . hex(sha1(salt . hex(sha1(${password}))))))`,
  });

/** Up to 3.0 the shop's forms hashed what its request filter had escaped; from 4 on they undo that first. */
const opencart = [tripleSha1('opencart-sha1'), tripleSha1('opencart-sha1-escaped', 'escape_html(password)')];

/** The cookie key is the salt of everybody without bcrypt. */
const prestashopMd5 = recipeFormat({
  name: 'prestashop-md5',
  pattern: MD5_HEX,
  recipe: "hex(md5(setting('_COOKIE_KEY_') . password))",
});

const cubecart = [
  recipeFormat({
    name: 'cubecart-whirlpool',
    pattern: SHA512_HEX,
    recipe: 'hex(whirlpool(salt . password . salt))',
  }),
  recipeFormat({
    name: 'cubecart-md5',
    pattern: MD5_HEX,
    recipe: 'hex(md5(hex(md5(salt)) . hex(md5(password))))',
  }),
];

/** Shopware 5: `iterations:salt:hash`; the first of iterations + 1 rounds has nothing before the password. */
const shopware5Sha256 = recipeFormat({
  name: 'shopware5-sha256',
  pattern: /^(\d{1,7}):([^:]+):([0-9a-f]{64})$/,
  recipe: 'iterate(int($1), hex(sha256(password . $2)), hex(sha256(it . password . $2))) = $3',
});
const shopware5Md5 = anyOf('shopware5-md5', [
  recipeFormat({
    name: 'shopware5-md5',
    pattern: /^([0-9a-f]{32}):(.*)$/s,
    recipe: 'hex(md5(password . $2)) = $1',
  }),
  bareMd5,
]);
/** The salt of every shop's first administrators; only the `encoder` column tells. */
const shopware5Backend = recipeFormat({
  name: 'shopware5-backend-md5',
  pattern: MD5_HEX,
  recipe: "hex(md5('A9ASD:_AD!_=%a8nx0asssblPlasS$' . hex(md5(password))))",
});
const shopware5 = [bareBcrypt, bareArgon2, shopware5Sha256, shopware5Md5];

/** The salt column is hex: of the salt's bytes for MD5, as it stands for SHA-512. */
const oxid = [
  recipeFormat({ name: 'oxid-md5', pattern: MD5_HEX, recipe: 'hex(md5(password . unhex(salt)))' }),
  recipeFormat({ name: 'oxid-sha512', pattern: SHA512_HEX, recipe: 'hex(sha512(password . salt))' }),
];

/** Magento 1's successor goes by length alone: no version stands behind the salt. */
const openmage = [
  md5Prefix('openmage-md5'),
  saltedPrefix('openmage-sha256', 'sha256', 64),
  saltedPrefix('openmage-sha512', 'sha512', 128),
  bareBcrypt,
  bareMd5,
];

export const shopFormats = withAliases(
  [
    anyOf('oscommerce', [md5Prefix('oscommerce-md5'), phpass]),
    md5Prefix('oscommerce-2.2'),
    named('oscommerce-2.3', phpass),
    anyOf('zencart', zencart),
    named('zencart-sha256', zencart[1]!),
    ...opencart,
    anyOf('opencart', [bareBcrypt, bareArgon2, tripleSha1('opencart'), bareMd5]),
    phpPassword('opencart-4'),
    tripleSha1('abantecart'),
    anyOf('prestashop', [bareBcrypt, prestashopMd5]),
    phpPassword('prestashop-1.7'),
    ...cubecart,
    anyOf('cubecart', [...cubecart, bareMd5]),
    shopware5Sha256,
    shopware5Md5,
    shopware5Backend,
    {
      name: 'shopware5',
      parse(source) {
        const isBackend = source.column('encoder')?.toLowerCase() === 'legacybackendmd5';
        return (isBackend ? shopware5Backend : anyOf('shopware5', shopware5)).parse(source);
      },
    },
    // Customers moved from Shopware 5 keep `legacy_password` until they log in.
    fromColumn('legacy_password', anyOf('shopware6', shopware5)),
    ...oxid,
    anyOf('oxid', [bareBcrypt, bareArgon2, ...oxid]),
    anyOf('openmage', openmage),
    anyOf('whmcs', [md5Prefix('whmcs-md5'), bareBcrypt]),
  ],
  {
    zencart: ['zen-cart'],
    'opencart-sha1-escaped': ['opencart-1.5', 'opencart-2', 'opencart-3'],
    prestashop: ['prestashop-md5'],
    'prestashop-1.7': ['prestashop-bcrypt', 'prestashop-8'],
    'cubecart-whirlpool': ['cubecart-5', 'cubecart-6'],
    'cubecart-md5': ['cubecart-4'],
    shopware5: ['shopware-5', 'shopware'],
    shopware6: ['shopware-6', 'shopware6-bcrypt'],
    'oxid-sha512': ['oxid-4.6'],
    whmcs: ['whmcs-md5'],
    openmage: ['magento1-sha256', 'magento1-sha512', 'maho'],
  },
);
