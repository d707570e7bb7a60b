import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import type { Algorithm } from '../algorithm.ts';
import { mix } from '../yescrypt-mix.ts';

export interface YescryptParameters {
  readonly log2N: number;
  readonly blockSize: number;
  readonly parallelism: number;
  /** `t`: 0 reads a third of the rows again, 1 two thirds, more t - 1 times all. */
  readonly time: number;
}

const hmac = (key: string | Uint8Array, message: string | Uint8Array) =>
  createHmac('sha256', key).update(message).digest();
const pbkdf2 = (password: Uint8Array, salt: Uint8Array, length: number) =>
  pbkdf2Sync(password, salt, 1, length, 'sha256');

/** Beyond this much memory (in rows of 128 bytes) a quick run over a 64th of it comes first. */
const PREHASH_ROWS = 0x20000;
const MIN_PREHASH_N = 0x100;

interface Costs {
  readonly n: number;
  readonly r: number;
  readonly p: number;
  readonly t: number;
}

/** Int32Array reads as the machine does; every platform of Node is little-endian, as yescrypt's words are. */
function run(name: string, password: Uint8Array, salt: Uint8Array, { n, r, p, t }: Costs) {
  const hashed = hmac(name, password);
  const bytes = new Uint8Array(pbkdf2(hashed, salt, 128 * r * p));
  let key: Buffer = bytes.length >= 32 ? Buffer.from(bytes.subarray(0, 32)) : hashed;
  mix(new Int32Array(bytes.buffer), n, p, t, () => {
    key = hmac(bytes.subarray(128 * r - 64, 128 * r), key);
  });
  return pbkdf2(key, bytes, 32);
}

/** Bytes of memory: 128·N·r. */
const memoryBytes = ({ log2N, blockSize }: YescryptParameters) => 128 * 2 ** log2N * blockSize;
/** `time` and `parallelism` repeat the work: together at most this often the memory cap is walked. */
const MAX_WALKS = 2;

/** yescrypt as libxcrypt's `$y$` has it: YESCRYPT_DEFAULTS, no ROM, no upgrades. The digest is 32 bytes. */
export const yescryptAlgorithm: Algorithm<YescryptParameters> = {
  label: () => 'yescrypt',
  admits({ parameters }, caps) {
    const { log2N, blockSize, parallelism, time } = parameters;
    const [bound, memory] = [caps.scryptMemoryKib * 1024, memoryBytes(parameters)];
    return (
      log2N >= 1 &&
      log2N <= 31 &&
      blockSize >= 1 &&
      parallelism >= 1 &&
      2 ** log2N / parallelism >= 2 &&
      memory <= bound &&
      memory * (1 + Math.max(1, time - 1)) <= bound * MAX_WALKS
    );
  },
  derive(password, { parameters: { log2N, blockSize: r, parallelism: p, time: t }, salt }) {
    const n = 2 ** log2N;
    let secret: Uint8Array = password;
    if (n / p >= MIN_PREHASH_N && (n / p) * r >= PREHASH_ROWS) {
      secret = run('yescrypt-prehash', password, salt, { n: n / 64, r, p, t: 0 });
    }
    const client = hmac(run('yescrypt', secret, salt, { n, r, p, t }), 'Client Key');
    return createHash('sha256').update(client).digest();
  },
};
