/** Digests, and HMAC (RFC 2104) over those that OpenSSL has. */
import { createHmac, hash } from 'node:crypto';
import { createMD4, createWhirlpool } from 'hash-wasm';
import type { RecipeFunction } from '../function.ts';
import { bytes, mapping } from '../function.ts';

/** The language's name → OpenSSL's, and the digest's length. */
export const OPENSSL_DIGESTS = {
  md5: ['md5', 16],
  sha1: ['sha1', 20],
  sha224: ['sha224', 28],
  sha256: ['sha256', 32],
  sha384: ['sha384', 48],
  sha512: ['sha512', 64],
  sha512_256: ['sha512-256', 32],
  sha3_256: ['sha3-256', 32],
  sha3_512: ['sha3-512', 64],
  ripemd160: ['ripemd160', 20],
  blake2b512: ['blake2b512', 64],
} as const;

/** OpenSSL 3 no longer computes these. */
const WASM_DIGESTS = { md4: await createMD4(), whirlpool: await createWhirlpool() };

function digest(name: string, length: number, map: (value: Buffer) => Buffer): RecipeFunction {
  return mapping(name, { kind: 'digest', does: `${length} bytes.`, map, greatest: () => length });
}

const openssl = Object.entries(OPENSSL_DIGESTS).map(
  ([name, [algorithm, length]]): RecipeFunction => ({
    ...digest(name, length, (value) => hash(algorithm, value, 'buffer')),
    inHex: (value) => Buffer.from(hash(algorithm, value, 'hex'), 'latin1'),
  }),
);

const wasm = Object.entries(WASM_DIGESTS).map(([name, hasher]) =>
  digest(name, hasher.digestSize, (value) => Buffer.from(hasher.init().update(value).digest('binary'))),
);

const hmacs = Object.entries(OPENSSL_DIGESTS).map(
  ([name, [algorithm, length]]): RecipeFunction => ({
    name: `hmac_${name}`,
    kind: 'hmac',
    parameters: [bytes('key'), bytes('message')],
    result: 'bytes',
    does: `${length} bytes.`,
    compute: ([key, message]) =>
      createHmac(algorithm, key as Buffer)
        .update(message as Buffer)
        .digest(),
    greatest: () => length,
  }),
);

export const digestFunctions: readonly RecipeFunction[] = [...openssl, ...wasm, ...hmacs];
