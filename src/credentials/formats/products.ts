/** Identity products' exports: FusionAuth, Okta, Firebase. */
import { DIGEST_BYTES } from '../algorithm.ts';
import { digestHash } from '../digests.ts';
import { base64, integer } from '../encoding.ts';
import { format } from '../format.ts';
import { hashOf } from '../hash.ts';
import { digestOf, parsePbkdf2 } from '../phc-strings.ts';
import { refuse } from '../reasons.ts';

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

export const productFormats = [
  format({
    name: 'fusionauth-pbkdf2',
    pattern: BASE64,
    read([key], { salt, column }) {
      const [, digest] = /^salted-pbkdf2-hmac-(sha\d+)/.exec(column('encryption_scheme') ?? '') ?? [];
      return parsePbkdf2(digest, integer(column('factor')), { salt: base64(salt), digest: base64(key) });
    },
  }),
  /** Okta's import object: a single digest, the salt on the side that `saltOrder` names. */
  format({
    name: 'okta-sha512-import',
    pattern: BASE64,
    read([value], { salt, column }) {
      const digest = digestOf(column('algorithm'));
      const order = column('saltOrder');
      if (!digest) return refuse('unsupported_algorithm');
      if (order !== 'PREFIX' && order !== 'POSTFIX') return refuse('malformed');
      return digestHash(
        digest,
        { salt: base64(salt), digest: base64(value, DIGEST_BYTES[digest]) },
        { salt: order === 'PREFIX' ? 'prefix' : 'suffix' },
      );
    },
  }),
  format({
    name: 'firebase-scrypt',
    pattern: /^[A-Za-z0-9+/_-]+={0,2}$/,
    settings: ['memCost', 'rounds', 'saltSeparator', 'signerKey'],
    read([text], { salt, setting }) {
      const bytes = (value: string | undefined) => base64(value?.replaceAll('-', '+').replaceAll('_', '/'));
      const signerKey = bytes(setting('signerKey'));
      const saltSeparator = bytes(setting('saltSeparator'));
      if (!signerKey || !saltSeparator) return refuse('malformed');
      return hashOf(
        'firebase-scrypt',
        {
          log2N: integer(setting('memCost')),
          blockSize: integer(setting('rounds')),
          saltSeparator,
          signerKey,
        },
        { salt: bytes(salt), digest: bytes(text) },
      );
    },
  }),
];
