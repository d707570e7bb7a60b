/** Forums: SMF, Invision, MyBB, vBulletin 5, XenForo, WoltLab, FluxBB, Discuz and others. */

import { BCRYPT, DRUPAL7, parseBcrypt, parseDrupal7 } from '../crypt-strings.ts';
import { hexOf, prepend } from '../digests.ts';
import { hex, integer, utf8 } from '../encoding.ts';
import type { Format } from '../format.ts';
import { anyOf, format } from '../format.ts';
import type { ParsedHash } from '../hash.ts';
import { parsePbkdf2 } from '../phc-strings.ts';
import {
  bareArgon2,
  bareBcrypt,
  bareMd5,
  bareSha1,
  MD5_HEX,
  md5crypt,
  named,
  phpass,
  phpPassword,
  SHA1_HEX,
  SHA256_HEX,
  SHA512_HEX,
  withAliases,
  withParts,
} from '../php-hashes.ts';
import type { Refusal } from '../reasons.ts';
import { refuse } from '../reasons.ts';
import { recipeFormat } from '../recipe/recipe-format.ts';
import type { Source } from '../source.ts';

const md5OfBoth = (name: string) =>
  recipeFormat({ name, pattern: MD5_HEX, recipe: 'hex(md5(hex(md5(salt)) . hex(md5(password))))' });
const md5ThenSalt = (name: string) =>
  recipeFormat({ name, pattern: MD5_HEX, recipe: 'hex(md5(hex(md5(password)) . salt))' });
const sha1AfterSalt = (name: string) =>
  recipeFormat({ name, pattern: SHA1_HEX, recipe: 'hex(sha1(salt . hex(sha1(password))))' });
/** WoltLab Community Framework 1: Burning Board 3. */
const wcf1 = (name: string) =>
  recipeFormat({
    name,
    pattern: SHA1_HEX,
    recipe: 'hex(sha1(salt . hex(sha1(salt . hex(sha1(password))))))',
  });

/** PHP's strtolower knew A to Z only; SMF 2.1 lowers the whole of Unicode. Its salt column is for cookies. */
const smf = [
  ...['smf-1.1', 'smf-2.0'].map((name) =>
    recipeFormat({ name, pattern: SHA1_HEX, recipe: 'hex(sha1(ascii_lower(username) . password))' }),
  ),
  recipeFormat({
    name: 'smf-1.0',
    pattern: MD5_HEX,
    recipe: 'hex(hmac_md5(ascii_lower(username), password))',
  }),
  format({
    name: 'smf-2.1',
    pattern: BCRYPT,
    needsUsername: true,
    read: ([text], { username = '' }) => parseBcrypt(text, [prepend(username.toLowerCase())]),
  }),
];

/** Invision from 2 on. Its form reader wrote `&`, `<`, `>`, quotes, `!` and `$` as entities before hashing. */
const invision = [...['ipb', 'ipb-2', 'ipb-3'].map(md5OfBoth), phpPassword('ipb-4')];

/** The browser has taken the MD5; the token is `scheme`'s work on its hex. */
const vbulletin5Legacy = recipeFormat({
  name: 'vbulletin-5-legacy',
  pattern: /^([0-9a-f]{32}) (\S+)$/,
  recipe: 'hex(md5(hex(md5(password)) . $2)) = $1',
});
const vbulletin5 = anyOf('vbulletin-5', [vbulletin5Legacy, phpPassword('vbulletin-5', [hexOf('md5')])]);

const xenforoCore = (name: string) =>
  anyOf(name, [
    recipeFormat({ name, pattern: SHA256_HEX, recipe: 'hex(sha256(hex(sha256(password)) . salt))' }),
    recipeFormat({ name, pattern: SHA1_HEX, recipe: 'hex(sha1(hex(sha1(password)) . salt))' }),
  ]);
const core = xenforoCore('core');
const core12 = anyOf('core12', [bareBcrypt, bareArgon2, phpass]);

/** XenForo_Authentication_… or XF:… in `scheme_class`: its own, and those of the forums that it imported. */
const XENFORO = new Map<string, Format>(
  Object.entries({
    Core: core,
    Core12: core12,
    IPBoard: md5OfBoth('ipb'),
    IpsForums3x: md5OfBoth('ipb'),
    IpsForums4x: core12,
    MyBb: md5OfBoth('mybb'),
    vBulletin: md5ThenSalt('vbulletin'),
    PhpBb3: phpass,
    wBB3: wcf1('wbb-3'),
    any: anyOf('xenforo', [core, core12]),
  }),
);

/** The texts of a serialized PHP array. Lengths count bytes, so that a text may hold quotes and semicolons. */
function serializedTexts(data: string): ReadonlyMap<string, string> {
  const bytes = Buffer.from(data, 'utf8').toString('latin1');
  const texts = [...bytes.matchAll(/s:(\d{1,4}):"/g)].map(({ index, 0: start, 1: length }) =>
    Buffer.from(bytes.substr(index + start.length, Number(length)), 'latin1').toString('utf8'),
  );
  return new Map(texts.flatMap((text, at) => (at % 2 === 0 ? [[text, texts[at + 1] ?? ''] as const] : [])));
}

/** `data` of xf_user_authenticate, or hash and salt in columns of their own. */
function xenforo(name: string, members: (scheme: string) => Format | undefined): Format {
  return {
    name,
    parse(source) {
      const data = source.column('data') || source.hash;
      if (data === undefined) return refuse('no_hash');
      const scheme = /[^_:]*$/.exec(source.column('scheme_class') ?? '')![0];
      const member = members(scheme);
      if (!member) return refuse(scheme === 'NoPassword' ? 'unusable' : 'unsupported_algorithm');
      if (!data.startsWith('a:')) return member.parse(source);
      const texts = serializedTexts(data);
      if (!texts.has('hash')) return refuse('malformed');
      return member.parse(withParts(source, { hash: texts.get('hash'), salt: texts.get('salt') }));
    },
  };
}

/** The result is hashed once more with the same salt. */
const doubleBcrypt = recipeFormat({
  name: 'wbb-4',
  pattern: BCRYPT,
  recipe: 'bcrypt(bcrypt(password, hash), hash) = hash',
});

const WCF_PBKDF2 = /^([0-9a-f]+):([^:]+):(sha\d+):(\d+):(\d+)$/;
const wcfPbkdf2 = format({
  name: 'wcf-pbkdf2',
  pattern: WCF_PBKDF2,
  read: ([, key, salt, digest, iterations, length]) =>
    parsePbkdf2(digest, integer(iterations), { salt: utf8(salt), digest: hex(key, integer(length)) }),
});

const drupal7 = format({ name: 'drupal7', pattern: DRUPAL7, read: ([text]) => parseDrupal7(text) });
const md5Suffix = recipeFormat({ name: 'md5-salt', pattern: MD5_HEX, recipe: 'hex(md5(password . salt))' });
const sha1Prefix = recipeFormat({
  name: 'salt-sha1',
  pattern: SHA1_HEX,
  recipe: 'hex(sha1(salt . password))',
});

/** `algorithm:hash[:salt]` of WoltLab Suite: its own, and what it imported, by the names of its classes. */
const WOLTLAB: Readonly<Record<string, Format>> = {
  argon2: bareArgon2,
  bcrypt: bareBcrypt,
  cryptmd5: md5crypt,
  doublebcrypt: doubleBcrypt,
  drupal8: drupal7,
  ipb2: md5ThenSalt('ipb2'),
  ipb3: md5OfBoth('ipb3'),
  joomla1: md5Suffix,
  joomla2: md5Suffix,
  joomla3: md5Suffix,
  mybb1: md5OfBoth('mybb1'),
  pbkdf2: wcfPbkdf2,
  phpass: anyOf('phpass', [phpass, bareMd5]),
  phpbb3: anyOf('phpbb3', [phpass, bareMd5]),
  phpfox3: recipeFormat({
    name: 'phpfox3',
    pattern: MD5_HEX,
    recipe: 'hex(md5(hex(md5(password)) . hex(md5(salt))))',
  }),
  smf1: sha1Prefix,
  smf2: sha1Prefix,
  vb3: md5ThenSalt('vb3'),
  vb4: md5ThenSalt('vb4'),
  vb5: md5ThenSalt('vb5'),
  vb5argon2: phpPassword('vb5argon2', [hexOf('md5')]),
  vb5bcrypt: phpPassword('vb5bcrypt', [hexOf('md5')]),
  wbb2: anyOf('wbb2', [bareMd5, bareSha1]),
  wcf1: wcf1('wcf1'),
  wcf2: doubleBcrypt,
  xf1: core,
  xf12: bareBcrypt,
};

/**
 * `wcf1e` and four characters that say how Burning Board 3 was set up: the digest, whether the salt is in the inner
 * hash, before or after the password, and whether that was hashed before. CRC-32 (`c`) proves nothing.
 */
const wcf1e = new Map(
  ['m', 's']
    .flatMap((digest) =>
      ['0', '1'].flatMap((salted) =>
        ['a', 'b'].flatMap((side) => ['0', '1'].map((hashed) => [digest, salted, side, hashed] as const)),
      ),
    )
    .map((variant) => [variant.join(''), wcf1eFormat(variant)]),
);

function wcf1eFormat([letter, salted, side, hashed]: readonly [string, string, string, string]): Format {
  const digest = (text: string) => `hex(${letter === 'm' ? 'md5' : 'sha1'}(${text}))`;
  const inner = salted === '1' && hashed === '1' ? digest('password') : 'password';
  const joined = side === 'b' ? `salt . ${inner}` : `${inner} . salt`;
  const recipe = digest(`salt . ${digest(salted === '1' ? joined : inner)}`);
  return recipeFormat({ name: 'wcf1e', pattern: letter === 'm' ? MD5_HEX : SHA1_HEX, recipe });
}

const WOLTLAB_MARK =
  /^(?:Bcrypt:\$2[aby]\$|(?:Double[Bb]crypt|wcf2):\$2|wcf1:[0-9a-f]{40}:|wcf1e[ms][01][ab][01]:)/;

/** WoltLab writes the name in either case. Without one, the column is of Burning Board 4. */
const woltlab: Format = {
  name: 'woltlab',
  recognises: ({ hash }) => hash !== undefined && WOLTLAB_MARK.test(hash),
  parse(source) {
    if (source.hash === undefined) return refuse('no_hash');
    const [, name = 'wcf2', text = source.hash] = /^([A-Za-z][A-Za-z0-9]+):(.*)$/s.exec(source.hash) ?? [];
    if (name.toLowerCase() === 'invalid') return refuse('unusable');
    const member = Object.hasOwn(WOLTLAB, name.toLowerCase())
      ? WOLTLAB[name.toLowerCase()]
      : wcf1e.get(name.replace(/^wcf1e/i, ''));
    return member ? readWoltlab(member, source, text) : refuse('unsupported_algorithm');
  },
};

/** What stands behind the first colon is the salt; the texts of crypt(3) bring their own. */
function readWoltlab(member: Format, source: Source, text: string): ParsedHash | Refusal {
  if (member === wcfPbkdf2) return member.parse(withParts(source, { hash: text, salt: undefined }));
  const colon = text.indexOf(':');
  const [hash, salt] = colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)];
  return member.parse(withParts(source, { hash, salt }));
}

/** Rows without salt are older than rows with one. */
const punbb = (name: string) => anyOf(name, [sha1AfterSalt(name), bareSha1, bareMd5]);

const phpfusion = [
  ...Object.entries({ sha256: SHA256_HEX, sha512: SHA512_HEX, sha1: SHA1_HEX }).map(([digest, pattern]) =>
    recipeFormat({ name: 'phpfusion', pattern, recipe: `hex(hmac_${digest}(salt, password))` }),
  ),
  recipeFormat({ name: 'phpfusion-md5', pattern: MD5_HEX, recipe: 'hex(md5(hex(md5(password))))' }),
];

const e107 = recipeFormat({
  name: 'e107',
  pattern: /^\$E\$([0-9a-f]{32})$/,
  recipe: 'hex(md5(hex(md5(password)) . username)) = $1',
});

export const forumFormats = withAliases(
  [
    woltlab,
    named('wbb-2', WOLTLAB.wbb2!),
    wcf1('wbb-3'),
    doubleBcrypt,
    ...smf,
    anyOf('smf', smf),
    ...invision,
    anyOf('invision', [md5OfBoth('ipb'), phpPassword('ipb-4')]),
    md5OfBoth('mybb'),
    {
      name: 'vbulletin-5',
      parse: (source) =>
        vbulletin5.parse(withParts(source, { hash: source.column('token') ?? source.hash, salt: '' })),
    },
    xenforo('xenforo-1', () => core),
    xenforo('xenforo-2', () => core12),
    xenforo('xenforo', (scheme) => XENFORO.get(scheme || 'any')),
    named('phpfox', WOLTLAB.phpfox3!),
    ...['punbb', 'fluxbb', 'fudforum'].map(punbb),
    // Garden keeps the hashes of imported forums too, and says so in HashMethod.
    anyOf('vanilla', [phpass, bareBcrypt, bareArgon2, bareMd5]),
    anyOf('discuz', [md5ThenSalt('discuz'), bareBcrypt, bareArgon2]),
    named('ucenter', md5ThenSalt('ucenter')),
    anyOf('phpfusion', phpfusion),
    anyOf('e107', [e107, bareBcrypt, bareMd5]),
    // phpBB 2 hashed what PHP gave it, with backslashes before quotes and backslashes.
    named('phpbb-2', bareMd5),
  ],
  {
    woltlab: ['wcf', 'wbb-5', 'wsc'],
    'wbb-2': ['wbb2'],
    'wbb-3': ['wbb3', 'wcf1'],
    'wbb-4': ['wbb4', 'wcf2', 'woltlab-bcrypt'],
    'smf-1.1': ['smf1', 'smf-sha1'],
    'smf-2.0': ['smf2'],
    'smf-2.1': ['smf-bcrypt'],
    ipb: ['invision-3'],
    'ipb-2': ['ipb2'],
    'ipb-3': ['ipb3'],
    'ipb-4': ['ipb4', 'invision-4'],
    invision: ['ips'],
    'vbulletin-5': ['vbulletin5', 'vbulletin-5-blowfish', 'vbulletin-5-argon2id', 'vbulletin-5-legacy'],
    'xenforo-1': ['xenforo1', 'xenforo-1.0', 'xenforo-sha256', 'xenforo-sha1'],
    'xenforo-2': ['xenforo2', 'xenforo-1.2', 'xenforo-bcrypt'],
    discuz: ['discuz-x', 'discuz-ucenter'],
    phpfusion: ['php-fusion', 'phpfusion-7', 'phpfusion-9'],
    e107: ['e107-salted'],
    'phpbb-2': ['phpbb2'],
    vanilla: ['vanilla-phpass'],
  },
);
