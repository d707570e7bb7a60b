/** As cidaas' documentation says that it reads `password_hash_info`. */
import { z } from 'zod';
import type { DigestName } from '../algorithm.ts';
import { DIGEST_BYTES } from '../algorithm.ts';
import { parseBcrypt } from '../crypt-strings.ts';
import { digestHash } from '../digests.ts';
import { utf8 } from '../encoding.ts';
import { hashOf } from '../hash.ts';
import type { DocumentReader, TextReader } from '../read-back.ts';
import { refuse } from '../reasons.ts';
import { strictHex } from '../strict-encoding.ts';

const info = z.strictObject({
  algorithmTypeId: z.string(),
  passwordHash: z.string(),
  hData: z
    .strictObject({
      salt: z.string().optional(),
      key: z.string().optional(),
      iterations: z.int().optional(),
      keylen: z.int().optional(),
    })
    .optional(),
});

function reader(read: (given: z.output<typeof info>) => ReturnType<DocumentReader>): DocumentReader {
  return (document) => {
    const parsed = info.safeParse(document);
    return parsed.success ? read(parsed.data) : refuse('malformed');
  };
}

const ofLength = (text: string, digest: DigestName) => {
  const bytes = strictHex(text);
  return bytes?.length === DIGEST_BYTES[digest] ? bytes : undefined;
};

const DIGESTS: Readonly<Record<string, DigestName>> = { SHA1: 'sha1', SHA256: 'sha256' };

const readBcrypt = reader(({ algorithmTypeId, passwordHash, hData }) => {
  const cost = /^BCRYPT_(\d{1,2})$/.exec(algorithmTypeId)?.[1]?.padStart(2, '0');
  const isNamed = cost !== undefined && /^\$2[ab]\$(\d\d)\$/.exec(passwordHash)?.[1] === cost;
  return isNamed && !hData ? parseBcrypt(passwordHash) : refuse('malformed');
});

const readDigest = reader(({ algorithmTypeId, passwordHash, hData }) => {
  const digest = DIGESTS[algorithmTypeId];
  if (!digest || hData) return refuse('malformed');
  return digestHash(digest, { digest: ofLength(passwordHash, digest) });
});

const readHmac = reader(({ algorithmTypeId, passwordHash, hData }) => {
  if (algorithmTypeId !== 'HMAC-SHA-256' || hData?.key === undefined) return refuse('malformed');
  const parts = { salt: utf8(hData.key), digest: ofLength(passwordHash, 'sha256') };
  return hashOf('hmac', { digest: 'sha256' }, parts);
});

/** Not its digest: that is nowhere in the document. */
const readPbkdf2 = (digest: DigestName | undefined) =>
  reader(({ algorithmTypeId, passwordHash, hData }) => {
    if (algorithmTypeId !== 'PBKDF2' || !hData || !digest) return refuse('malformed');
    const key = strictHex(passwordHash);
    const parts = { salt: utf8(hData.salt), digest: key?.length === hData.keylen ? key : undefined };
    return hashOf('pbkdf2', { digest, iterations: hData.iterations ?? Number.NaN }, parts);
  });

export function cidaasReaders(argon2: TextReader) {
  return {
    'bcrypt-cidaas': readBcrypt,
    'argon2-cidaas': reader(({ algorithmTypeId, passwordHash, hData }) =>
      algorithmTypeId === 'ARGON' && !hData ? argon2(passwordHash) : refuse('malformed'),
    ),
    'pbkdf2-cidaas': (document, accepted) =>
      readPbkdf2(accepted.write === 'pbkdf2-cidaas' ? accepted.digest : undefined)(document, accepted),
    'digest-cidaas': readDigest,
    'hmac-cidaas': readHmac,
  } satisfies Record<string, DocumentReader>;
}
