/** Ruby on Rails and what grew around it. */
import { parseBcrypt } from '../crypt-strings.ts';
import { append, digestHash } from '../digests.ts';
import { hex, integer, utf8 } from '../encoding.ts';
import { format } from '../format.ts';
import { parsePbkdf2, parseScrypt } from '../phc-strings.ts';
import { refuse } from '../reasons.ts';

const SHA1_HEX = /^[0-9a-f]{40}$/;

export const rubyFormats = [
  format({
    name: 'devise-bcrypt-pepper',
    pattern: /^\$2.+$/,
    settings: ['pepper'],
    read: ([text], { setting }) => parseBcrypt(text, [append(setting('pepper') ?? '')]),
  }),
  /** The scrypt gem's `N$r$p$salt$key`, all hex, over password ‖ password_salt. */
  format({
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
  }),
  format({
    name: 'authlogic-sha512',
    pattern: /^[0-9a-f]{128}$/,
    read: ([text], { salt, setting }) =>
      digestHash(
        'sha512',
        { salt: utf8(salt), digest: hex(text) },
        { salt: 'suffix', iterations: integer(setting('stretches') ?? '20'), feedback: 'hex' },
      ),
  }),
  /** Every stretch digests `previous--salt--password--key`; the key stands in for the first previous. */
  format({
    name: 'restful-authentication',
    pattern: SHA1_HEX,
    settings: ['REST_AUTH_SITE_KEY', 'REST_AUTH_DIGEST_STRETCHES'],
    read([text], { salt, setting }) {
      if (salt === undefined) return refuse('malformed');
      const key = setting('REST_AUTH_SITE_KEY') ?? '';
      const iterations = integer(setting('REST_AUTH_DIGEST_STRETCHES'));
      return digestHash(
        'sha1',
        { salt: utf8(`--${salt}--`), digest: hex(text), preparation: [append(`--${key}`)] },
        { iterations, feedback: 'hex', repeatsMessage: true, initial: Buffer.from(key, 'utf8') },
      );
    },
  }),
  format({
    name: 'clearance-sha1',
    pattern: SHA1_HEX,
    read: ([text], { salt }) =>
      digestHash('sha1', {
        salt: salt === undefined ? salt : utf8(`--${salt}--`),
        digest: hex(text),
        preparation: [append('--')],
      }),
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
