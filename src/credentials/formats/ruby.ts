/** Ruby on Rails and what grew around it. */
import { parseBcrypt } from '../crypt-strings.ts';
import { append, digestHash, template } from '../digests.ts';
import { hex, integer, utf8 } from '../encoding.ts';
import { anyOf, format, formats } from '../format.ts';
import { parseArgon2, parsePasslibPbkdf2, parsePbkdf2, parseScrypt } from '../phc-strings.ts';
import { refuse } from '../reasons.ts';
import { recipeFormat } from '../recipe/recipe-format.ts';

const SHA1_HEX = /^[0-9a-f]{40}$/;
const BCRYPT = /^\$2.+$/;

const devise = [
  format({
    name: 'devise-bcrypt-pepper',
    pattern: BCRYPT,
    settings: ['pepper'],
    read: ([text], { setting }) => parseBcrypt(text, [append(setting('pepper') ?? '')]),
  }),
  format({
    name: 'devise-argon2',
    pattern: /^\$argon2.+$/,
    read: ([text], { setting }) => parseArgon2(text, setting('pepper') ? [append(setting('pepper')!)] : []),
  }),
  /** devise-encryptable: every stretch digests `--salt--previous--password--pepper--`; the first previous is the pepper. */
  ...['sha1', 'sha512'].map((digest) =>
    recipeFormat({
      name: `devise-${digest}`,
      pattern: /^[0-9a-f]{40,128}$/i,
      recipe: `iterate(int(setting('stretches', '10')), setting('pepper', ''), hex(${digest}('--' . salt . '--' . it . '--' . password . '--' . setting('pepper', '') . '--')))`,
    }),
  ),
  format({
    name: 'devise-pbkdf2',
    pattern: /^[0-9a-f]{64,256}$/,
    settings: ['stretches'],
    read: ([text], { salt, setting }) =>
      parsePbkdf2(setting('digest') ?? 'sha512', integer(setting('stretches')), {
        salt: hex(`${salt ?? ''}${Buffer.from(setting('pepper') ?? '', 'utf8').toString('hex')}`),
        digest: hex(text),
        ...(setting('pepper') && { caveat: 'site_key_disclosed' as const }),
      }),
  }),
];

/** devise-encryptable again: what the names say, with Devise's columns. */
const restful = formats(['restful-authentication', 'devise-restful-authentication-sha1'], {
  pattern: SHA1_HEX,
  read([text], { salt, setting }) {
    if (salt === undefined) return refuse('malformed');
    const key = setting('REST_AUTH_SITE_KEY') ?? setting('pepper');
    const stretches = setting('REST_AUTH_DIGEST_STRETCHES') ?? setting('stretches');
    if (key === undefined || stretches === undefined) return refuse('setting_missing');
    // Every stretch digests `previous--salt--password--key`; the key stands in for the first previous.
    return digestHash(
      'sha1',
      { salt: utf8(`--${salt}--`), digest: hex(text), preparation: [append(`--${key}`)] },
      {
        iterations: integer(stretches),
        feedback: 'hex',
        repeatsMessage: true,
        initial: Buffer.from(key, 'utf8'),
      },
    );
  },
});

/** Authlogic's providers: hex digests of password ‖ salt, fed back; `-v2` feeds back bytes. */
const AUTHLOGIC = [
  ['md5', 1],
  ['sha256', 20],
  ['sha512', 20],
] as const;

const authlogic = AUTHLOGIC.flatMap(([digest, stretches]) =>
  (['hex', 'raw'] as const).map((feedback) =>
    format({
      name: `authlogic-${digest}${feedback === 'raw' ? '-v2' : ''}`,
      pattern: /^[0-9a-f]{32,128}$/,
      read: ([text], { salt, setting }) => {
        const joined = `${setting('join_token') ?? ''}${salt ?? ''}`;
        return digestHash(
          digest,
          { salt: utf8(joined), digest: hex(text) },
          { salt: 'suffix', iterations: integer(setting('stretches') ?? String(stretches)), feedback },
        );
      },
    }),
  ),
);

/** Sorcery's providers are Authlogic's with one stretch. */
const sorcery = (['md5', 'sha256', 'sha512'] as const).map((digest) =>
  format({
    name: `sorcery-${digest}`,
    pattern: /^[0-9a-f]{32,128}$/,
    read: ([text], { salt, setting }) => {
      const token = setting('salt_join_token') ?? setting('join_token') ?? '';
      return digestHash(
        digest,
        { salt: utf8(salt === undefined ? '' : token + salt), digest: hex(text) },
        { salt: 'suffix', iterations: integer(setting('stretches') ?? '1'), feedback: 'hex' },
      );
    },
  }),
);

/** SHA-1 in both: every stretch digests `previous--salt`, and starts with the password. */
const joinedSha1 = (
  [
    ['authlogic-sha1', '10'],
    ['sorcery-sha1', '1'],
  ] as const
).map(([name, stretches]) =>
  recipeFormat({
    name,
    pattern: SHA1_HEX,
    recipe: `iterate(int(setting('stretches', '${stretches}')), password, hex(sha1(it . setting('join_token', '--') . salt)))`,
  }),
);

/** bcrypt over password ‖ salt ‖ pepper. */
const joinedBcrypt = formats(['authlogic-bcrypt', 'sorcery-bcrypt'], {
  pattern: BCRYPT,
  read: ([text], { salt, setting }) => {
    const joined = `${salt ?? ''}${setting('pepper') ?? ''}`;
    return parseBcrypt(text, joined ? [append(joined)] : []);
  },
});

/** GitLab's PBKDF2 is passlib's text. */
const gitlab = [
  format({ name: 'gitlab-bcrypt', pattern: BCRYPT, read: ([text]) => parseBcrypt(text) }),
  format({
    name: 'gitlab-pbkdf2',
    pattern: /^\$pbkdf2-sha512\$.+$/,
    read: ([text]) => parsePasslibPbkdf2(text),
  }),
];

/** The scrypt gem's `N$r$p$salt$key`, all hex, over password ‖ password_salt. */
const scrypt = format({
  name: 'authlogic-scrypt',
  pattern: /^([0-9a-f]{1,8})\$([0-9a-f]{1,4})\$([0-9a-f]{1,4})\$([0-9a-f]+)\$([0-9a-f]+)$/,
  read([, n = '', r = '', p = '', salt, key], source) {
    if (source.salt === undefined) return refuse('malformed');
    const [cost, ...rest] = [n, r, p].map((text) => Number.parseInt(text, 16));
    return parseScrypt(cost ?? Number.NaN, [String(rest[0]), String(rest[1])], {
      salt: hex(salt),
      digest: hex(key),
      preparation: [append(source.salt)],
    });
  },
});

const BARE_BCRYPT = ['clearance-bcrypt', 'mastodon', 'spree', 'solidus', 'openproject', 'forem', 'chatwoot'];

export const rubyFormats = [
  ...devise,
  ...restful,
  scrypt,
  ...authlogic,
  ...sorcery,
  ...joinedSha1,
  ...joinedBcrypt,
  ...gitlab,
  anyOf('gitlab', gitlab),
  ...formats(BARE_BCRYPT, { pattern: BCRYPT, read: ([text]) => parseBcrypt(text) }),
  ...formats(['clearance-sha1', 'devise-clearance-sha1'], {
    pattern: SHA1_HEX,
    read: ([text], { salt }) =>
      digestHash(
        'sha1',
        { salt: utf8(salt), digest: hex(text) },
        { message: template`--${'salt'}--${'password'}--` },
      ),
  }),
  /** Discourse keeps the costs in a column of their own; the salt's hex text is the salt. */
  format({
    name: 'discourse',
    pattern: /^[0-9a-f]{64,128}$/,
    read([text], { column, salt }) {
      const costs = /^\$pbkdf2-(sha\d+)\$i=(\d+),l=\d+\$?$/.exec(
        column('password_algorithm') ?? '$pbkdf2-sha256$i=64000,l=32$',
      );
      return parsePbkdf2(costs?.[1], integer(costs?.[2]), { salt: utf8(salt), digest: hex(text) });
    },
  }),
];
