import type { Accepted } from '../accepted-format.ts';
import { unpaddedBase64 } from '../encoding.ts';
import type { HashOf, ParsedHash } from '../hash.ts';
import type { Writer, Written } from '../written.ts';
import { bounded, within, withKey } from '../written.ts';

type Scrypt = 'scrypt-passwap' | 'scrypt-kratos' | 'scrypt-auth0';

/** scrypt has no digest of its own: 32 bytes are what passlib and most others keep. */
const CUT_BYTES = 32;

const paddedBase64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

function written(
  hash: ParsedHash,
  accepted: Accepted<Scrypt>,
  write: (hash: HashOf<'scrypt'>) => string | object,
): Written {
  if (hash.algorithm !== 'scrypt') return undefined;
  const { log2N, blockSize, parallelism } = hash.parameters;
  const isInBounds =
    within(log2N, accepted.log2N) &&
    within(blockSize, accepted.blockSize) &&
    within(parallelism, accepted.parallelism);
  return bounded(isInBounds, write(hash), accepted);
}

function string(
  { parameters: { log2N, blockSize, parallelism }, salt, digest }: HashOf<'scrypt'>,
  accepted: Accepted<Scrypt>,
  { ln, base64 }: { ln: (log2N: number) => number; base64: (bytes: Uint8Array) => string },
): string {
  const start = `$scrypt$ln=${ln(log2N)},r=${blockSize},p=${parallelism}$${base64(salt)}$`;
  return withKey(digest, CUT_BYTES, accepted, (key) => start + base64(key));
}

function auth0Document({ parameters, salt, digest }: HashOf<'scrypt'>): object {
  const { log2N, blockSize, parallelism } = parameters;
  return {
    custom_password_hash: {
      algorithm: 'scrypt',
      hash: { value: Buffer.from(digest).toString('hex'), encoding: 'hex' },
      salt: { value: paddedBase64(salt), encoding: 'base64' },
      keylen: digest.length,
      cost: 2 ** log2N,
      blockSize,
      parallelization: parallelism,
    },
  };
}

export const scryptWriters = {
  'scrypt-passwap': (hash, accepted) =>
    written(hash, accepted, (scrypt) =>
      string(scrypt, accepted, { ln: (log2N) => log2N, base64: unpaddedBase64 }),
    ),
  'scrypt-kratos': (hash, accepted) =>
    written(hash, accepted, (scrypt) =>
      string(scrypt, accepted, { ln: (log2N) => 2 ** log2N, base64: paddedBase64 }),
    ),
  'scrypt-auth0': (hash, accepted) => written(hash, accepted, auth0Document),
  'firebase-kratos'(hash, accepted) {
    if (hash.algorithm !== 'firebase-scrypt') return undefined;
    const { log2N, blockSize, saltSeparator, signerKey } = hash.parameters;
    const parts = [hash.salt, hash.digest, saltSeparator, signerKey].map(paddedBase64);
    const text = `$firescrypt$ln=${log2N},r=${blockSize},p=1$${parts.join('$')}`;
    const isInBounds = within(log2N, accepted.log2N) && within(blockSize, accepted.blockSize);
    return bounded(isInBounds, text, accepted);
  },
} satisfies { [W in Scrypt | 'firebase-kratos']: Writer<W> };
