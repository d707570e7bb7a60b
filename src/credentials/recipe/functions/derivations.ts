/** Slow hashes: computed by the algorithms themselves, with their bounds. */
import type { Algorithm, Derivation, DigestName } from '../../algorithm.ts';
import { DIGEST_BYTES } from '../../algorithm.ts';
import { argon2Algorithm } from '../../algorithms/argon2.ts';
import { bcryptAlgorithm } from '../../algorithms/bcrypt.ts';
import { md5cryptAlgorithm } from '../../algorithms/md5crypt.ts';
import { pbkdf2Algorithm } from '../../algorithms/pbkdf2.ts';
import { scryptAlgorithm } from '../../algorithms/scrypt.ts';
import { shaCryptAlgorithm } from '../../algorithms/sha-crypt.ts';
import { asText, integer } from '../../encoding.ts';
import type { Deriving, Parameter, RecipeFunction, Value } from '../function.ts';
import { bytes, fixed, malformed } from '../function.ts';

const ANY = 0xffffffff;
const MAX_KEY_BYTES = 1024;
const iterations = fixed('iterations', 1, ANY);
const keyLength = (min: number) => fixed('length', min, MAX_KEY_BYTES);
/** The start of a stored text: `$2b$10$` and the salt, for one. What follows the salt is ignored. */
const setting: Parameter = { ...bytes('setting'), isFixed: true };

function deriving<P>(
  algorithm: Algorithm<P>,
  derivation: Derivation<P>,
  write: Deriving['write'] = Buffer.from,
): Deriving {
  return { algorithm: algorithm as Algorithm<never>, derivation, write };
}

/** Nothing is known yet of what comes out but its length. */
const ofLength = (length: Value | undefined) => new Uint8Array(length as number);

function key(
  name: string,
  parameters: readonly Parameter[],
  fields: Pick<RecipeFunction, 'does' | 'deriving'>,
): RecipeFunction {
  return {
    ...fields,
    name,
    kind: 'derivation',
    parameters: [bytes('password'), bytes('salt'), ...parameters],
    result: 'bytes',
    greatest: (args) => args.at(-1) ?? 0,
  };
}

const pbkdf2 = (Object.keys(DIGEST_BYTES) as DigestName[]).map((digest) =>
  key(`pbkdf2_${digest}`, [iterations, keyLength(1)], {
    does: 'PBKDF2 with HMAC (RFC 8018).',
    deriving: ([, salt, rounds, length]) =>
      deriving(pbkdf2Algorithm, {
        parameters: { digest, iterations: rounds as number },
        salt: salt as Buffer,
        digest: ofLength(length),
      }),
  }),
);

const scrypt = key('scrypt', [fixed('N', 2, ANY), fixed('r', 1, 1024), fixed('p', 1, 1024), keyLength(1)], {
  does: 'scrypt (RFC 7914); N is a power of two.',
  deriving([, salt, n, r, p, length]) {
    const log2N = Math.log2(n as number);
    if (!Number.isInteger(log2N)) return malformed();
    return deriving(scryptAlgorithm, {
      parameters: { log2N, blockSize: r as number, parallelism: p as number },
      salt: salt as Buffer,
      digest: ofLength(length),
    });
  },
});

const argon2Parameters = [
  fixed('memoryKib', 8, ANY),
  fixed('passes', 1, ANY),
  fixed('lanes', 1, 255),
  keyLength(4),
];
const argon2 = (['id', 'i', 'd'] as const).map((variant) =>
  key(`argon2${variant}`, argon2Parameters, {
    does: 'Argon2 version 19 (RFC 9106).',
    deriving: ([, salt, memoryKib, passes, lanes, length]) =>
      deriving(argon2Algorithm, {
        parameters: {
          variant,
          version: 0x13,
          memoryKib: memoryKib as number,
          passes: passes as number,
          lanes: lanes as number,
        },
        salt: salt as Buffer,
        digest: ofLength(length),
      }),
  }),
);

const BCRYPT_SETTING = /^(\$(2[aby])\$(\d\d)\$)([./A-Za-z0-9]{22})/;
const MD5_SETTING = /^(\$(1|apr1)\$)([^$:\n]{0,8})(?:\$|$)/;
const SHA_SETTING = /^(\$[56]\$(?:rounds=(\d{1,10})\$)?)([^$:\n]{0,16})(?:\$|$)/;
const DEFAULT_ROUNDS = '5000';

/** The longest is sha512crypt's, with `rounds=`. */
const MAX_CRYPT_CHARACTERS = 128;

function crypt(
  name: string,
  does: string,
  read: (setting: string) => Omit<Deriving, 'write'> & { readonly start: string },
): RecipeFunction {
  return {
    name,
    kind: 'derivation',
    does,
    parameters: [bytes('password'), setting],
    result: 'bytes',
    greatest: () => MAX_CRYPT_CHARACTERS,
    deriving([, value]) {
      const { start, ...rest } = read((value as Buffer).toString('utf8'));
      return { ...rest, write: (derived) => Buffer.from(start + asText(derived), 'utf8') };
    },
  };
}

const shaCrypt = (digest: 'sha256' | 'sha512', id: string, length: number) =>
  crypt(`${digest}crypt`, `\`$${id}$\` of crypt(3).`, (value) => {
    const [, start = '', rounds, salt = ''] = SHA_SETTING.exec(value) ?? [];
    if (!start.startsWith(`$${id}$`)) return malformed();
    const parameters = {
      digest,
      rounds: integer(rounds ?? DEFAULT_ROUNDS),
      saysRounds: rounds !== undefined,
    };
    const derivation = { parameters, salt: Buffer.from(salt, 'utf8'), digest: ofLength(length) };
    return { start: `${start}${salt}$`, ...deriving(shaCryptAlgorithm, derivation) };
  });

export const derivationFunctions: readonly RecipeFunction[] = [
  ...pbkdf2,
  scrypt,
  ...argon2,
  crypt('bcrypt', '60 characters. Only the first 72 bytes of the password count.', (value) => {
    const [, start, variant, cost, salt = ''] = BCRYPT_SETTING.exec(value) ?? [];
    if (start === undefined) return malformed();
    const parameters = { variant: variant as '2a' | '2b' | '2y', cost: integer(cost) };
    const derivation = { parameters, salt: Buffer.from(salt, 'ascii'), digest: ofLength(31) };
    return { start: start + salt, ...deriving(bcryptAlgorithm, derivation) };
  }),
  crypt('md5crypt', '`$1$` of crypt(3), or Apache’s `$apr1$`.', (value) => {
    const [, start, magic, salt = ''] = MD5_SETTING.exec(value) ?? [];
    if (start === undefined) return malformed();
    const parameters = { magic: magic as '1' | 'apr1' };
    const derivation = { parameters, salt: Buffer.from(salt, 'utf8'), digest: ofLength(22) };
    return { start: `${start}${salt}$`, ...deriving(md5cryptAlgorithm, derivation) };
  }),
  shaCrypt('sha256', '5', 43),
  shaCrypt('sha512', '6', 86),
];
