import { pbkdf2Sync } from 'node:crypto';
import type { IHasher } from 'hash-wasm';
import { createMD4 } from 'hash-wasm';
import type { Algorithm } from '../algorithm.ts';

export interface Md4Parameters {
  /**
   * `plain`: RFC 1320, over UTF-16LE the NT hash. `cached`: once more with the salt, a domain's cached credentials.
   * `cached-pbkdf2`: and that through PBKDF2-HMAC-SHA1, since Windows Vista.
   */
  readonly kind: 'plain' | 'cached' | 'cached-pbkdf2';
  /** Of PBKDF2; otherwise 1. */
  readonly iterations: number;
}

/** OpenSSL 3 has no MD4 any more. */
let hasher: Promise<IHasher> | undefined;

/** MD4 (RFC 1320) and what Windows makes of it; the salt of cached credentials is the user name in UTF-16LE. */
export const md4Algorithm: Algorithm<Md4Parameters> = {
  label: ({ kind }) => ({ plain: 'md4', cached: 'msdcc', 'cached-pbkdf2': 'msdcc2' })[kind],
  admits: ({ parameters: { iterations } }, caps) => iterations >= 1 && iterations <= caps.pbkdf2Iterations,
  async derive(password, { parameters: { kind, iterations }, salt, digest }) {
    hasher ??= createMD4();
    const md4 = await hasher;
    const hashed = md4.init().update(password).digest('binary');
    if (kind === 'plain') return hashed;
    const cached = md4
      .init()
      .update(Buffer.concat([hashed, salt]))
      .digest('binary');
    return kind === 'cached' ? cached : pbkdf2Sync(cached, salt, iterations, digest.length, 'sha1');
  },
};
