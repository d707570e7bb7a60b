/** Home-grown stores: bare digests, a salt in a column of its own, a pepper, or the password itself. */
import type { DigestName } from '../algorithm.ts';
import { DIGEST_BYTES } from '../algorithm.ts';
import { digestHash, hexOf } from '../digests.ts';
import { base64, hex, integer, utf8 } from '../encoding.ts';
import type { Format } from '../format.ts';
import { format } from '../format.ts';
import { hashOf } from '../hash.ts';

const DIGESTS = Object.keys(DIGEST_BYTES) as DigestName[];

/** Hex in either case, or base64, told apart by length. */
function written(text: string | undefined, digest: DigestName): Buffer | undefined {
  const length = DIGEST_BYTES[digest];
  return text?.length === 2 * length ? hex(text, length) : base64(text, length);
}

function family(digest: DigestName): Format[] {
  const pattern = /^[0-9A-Za-z+/]+={0,2}$/;
  const salted = (['prefix', 'suffix'] as const).map((position) =>
    format({
      name: `generic-${digest}-salt-${position}`,
      pattern,
      read: ([text], { salt }) =>
        digestHash(digest, { salt: utf8(salt), digest: written(text, digest) }, { salt: position }),
    }),
  );
  return [
    ...salted,
    format({
      name: `generic-hex_${digest}`,
      pattern: /^[0-9a-f]+$/i,
      read: ([text]) => digestHash(digest, { digest: hex(text, DIGEST_BYTES[digest]) }),
    }),
    format({
      name: `generic-${digest}-base64`,
      pattern,
      read: ([text]) => digestHash(digest, { digest: base64(text, DIGEST_BYTES[digest]) }),
    }),
    format({
      name: `generic-hmac-${digest}-pepper`,
      pattern,
      settings: ['pepper'],
      read: ([text], { setting }) =>
        hashOf('hmac', { digest }, { salt: utf8(setting('pepper')), digest: written(text, digest) }),
    }),
    /** The first round digests salt and password, the others the previous round. */
    format({
      name: `generic-${digest}-iterated`,
      pattern,
      read: ([text], { salt, column, setting }) =>
        digestHash(
          digest,
          { salt: utf8(salt), digest: written(text, digest) },
          { iterations: integer(column('iterations') ?? setting('iterations')) },
        ),
    }),
  ];
}

/** md5(md5hex(p) + salt), as vBulletin has it. */
const nestedMd5 = format({
  name: 'vbulletin',
  pattern: /^[0-9a-f]{32}$/i,
  read: ([text], { salt }) =>
    digestHash(
      'md5',
      { salt: utf8(salt), digest: hex(text), preparation: [hexOf('md5')] },
      { salt: 'suffix' },
    ),
});

const saltedMd5 = format({
  name: 'generic-md5-salt-prefix',
  pattern: /^[0-9a-f]{32}$/i,
  read: ([text], { salt }) => digestHash('md5', { salt: utf8(salt), digest: hex(text) }),
});

export const genericFormats: readonly Format[] = [
  ...DIGESTS.flatMap(family),
  nestedMd5,
  /** A store that changed its mind: capitals mark md5(md5hex(p) + salt), small letters md5(salt + p). */
  {
    name: 'generic-md5-by-case',
    parse: (source) => (/[A-F]/.test(source.hash ?? '') ? nestedMd5 : saltedMd5).parse(source),
  },
  format({
    name: 'generic-plaintext',
    pattern: /^.+$/s,
    read: ([text]) => hashOf('plaintext', {}, { digest: utf8(text) }),
  }),
  format({
    name: 'generic-aes256cbc',
    pattern: /^[A-Za-z0-9+/]+={0,2}$/,
    settings: ['key_hex'],
    read: ([text], { column, setting }) => {
      const key = hex(setting('key_hex'), 32);
      return hashOf('aes-cbc', { key: key! }, { salt: hex(column('iv'), 16), digest: base64(text) });
    },
  }),
];
