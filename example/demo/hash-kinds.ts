/**
 * The ways in which the demo's shop has stored passwords over the years. Costs are low so that seeding is quick:
 * nothing here is an example of how to store a password today.
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';
import { hash as argon2, verify as argon2Verify } from 'argon2';
import bcrypt from 'bcrypt';
import { phpassAlgorithm } from '../../src/credentials/algorithms/phpass.ts';
import { shaCryptAlgorithm } from '../../src/credentials/algorithms/sha-crypt.ts';

/** Two columns of the shop's table; most kinds need only the first. */
export interface StoredHash {
  readonly pw: string;
  readonly salt?: string | undefined;
}

export interface HashKind {
  /** What Footbridge calls this format. */
  readonly format: string;
  /** What that format calls the column with the hash. */
  readonly column: string;
  readonly label: string;
  /** Whether ZITADEL can verify it once rewritten. */
  readonly translatable: boolean;
  make(password: string): StoredHash | Promise<StoredHash>;
  matches(password: string, stored: StoredHash): boolean | Promise<boolean>;
}

const BCRYPT_COST = 8;
const PBKDF2_ITERATIONS = 20_000;
const PHPASS_LOG2_ROUNDS = 11;
const SHA_CRYPT_ROUNDS = 5_000;
const ARGON2 = { memoryCost: 8_192, timeCost: 2, parallelism: 1 } as const;

const CRYPT_ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const cryptText = (length: number) =>
  [...randomBytes(length)].map((byte) => CRYPT_ALPHABET[byte & 63]).join('');
const hex = (algorithm: 'md5', text: string) => createHash(algorithm).update(text, 'utf8').digest('hex');

function equal(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** A kind whose stored text holds its own salt: hashing again with the stored text as model gives the same text. */
function selfSalted(model: () => string, again: (password: string, stored: string) => string) {
  return {
    make: (password: string): StoredHash => ({ pw: again(password, model()) }),
    matches: (password: string, { pw }: StoredHash) => equal(again(password, pw), pw),
  };
}

/** PHP writes `$2y$`; npm bcrypt computes the same under the name `$2b$`. */
function bcrypt2y(password: string, stored: string): string {
  return bcrypt.hashSync(password, stored.slice(0, 29).replace('$2y$', '$2b$')).replace('$2b$', '$2y$');
}

const bcryptModel = () => `$2y$${String(BCRYPT_COST).padStart(2, '0')}$${cryptText(21)}u`;

function django(password: string, stored: string): string {
  const [name, iterations, salt] = stored.split('$');
  const key = pbkdf2Sync(password, salt!, Number(iterations), 32, 'sha256');
  return `${name}$${iterations}$${salt}$${key.toString('base64')}`;
}

function phpass(password: string, stored: string): string {
  const derivation = {
    parameters: { prefix: 'P', log2Rounds: CRYPT_ALPHABET.indexOf(stored[3]!) } as const,
    salt: Buffer.from(stored.slice(4, 12)),
    digest: Buffer.alloc(22),
  };
  return (
    stored.slice(0, 12) + Buffer.from(phpassAlgorithm.derive(Buffer.from(password), derivation) as Uint8Array)
  );
}

function sha512crypt(password: string, stored: string): string {
  const salt = stored.split('$')[2]!;
  const derivation = {
    parameters: { digest: 'sha512', rounds: SHA_CRYPT_ROUNDS, saysRounds: false } as const,
    salt: Buffer.from(salt),
    digest: Buffer.alloc(86),
  };
  return `$6$${salt}$${Buffer.from(shaCryptAlgorithm.derive(Buffer.from(password), derivation) as Uint8Array)}`;
}

function ssha(password: string, stored: string): string {
  const salt = Buffer.from(stored.slice('{SSHA}'.length), 'base64').subarray(20);
  const digest = createHash('sha1').update(password).update(salt).digest();
  return `{SSHA}${Buffer.concat([digest, salt]).toString('base64')}`;
}

/** WordPress since 6.8: bcrypt of a keyed digest of the password. */
function wordpress(password: string, stored: string): string {
  const digest = createHmac('sha384', 'wp-sha384').update(password.trim()).digest('base64');
  return `$wp${bcrypt2y(digest, stored.slice('$wp'.length))}`;
}

const KINDS = {
  bcrypt: {
    format: 'php-bcrypt',
    column: 'password',
    label: 'bcrypt ($2y$)',
    translatable: true,
    ...selfSalted(bcryptModel, bcrypt2y),
  },
  django: {
    format: 'django-pbkdf2_sha256',
    column: 'password',
    label: 'PBKDF2, Django’s way',
    translatable: true,
    ...selfSalted(() => `pbkdf2_sha256$${PBKDF2_ITERATIONS}$${randomBytes(8).toString('hex')}$`, django),
  },
  phpass: {
    format: 'wordpress-phpass',
    column: 'user_pass',
    label: 'phpass ($P$), old WordPress',
    translatable: true,
    ...selfSalted(() => `$P$${CRYPT_ALPHABET[PHPASS_LOG2_ROUNDS]}${cryptText(8)}`, phpass),
  },
  argon2: {
    format: 'argon2-npm',
    column: 'password',
    label: 'Argon2id',
    translatable: true,
    make: async (password) => ({ pw: await argon2(password, ARGON2) }),
    matches: (password, { pw }) => argon2Verify(pw, password),
  },
  sha512: {
    format: 'crypt-sha512-norounds',
    column: 'shadow',
    label: 'SHA-512 crypt ($6$)',
    translatable: true,
    ...selfSalted(() => `$6$${cryptText(12)}$`, sha512crypt),
  },
  md5salt: {
    format: 'generic-md5-salt-prefix',
    column: 'password_hash',
    label: 'MD5, salt in a column of its own',
    translatable: true,
    make(password) {
      const salt = randomBytes(4).toString('hex');
      return { pw: hex('md5', salt + password), salt };
    },
    matches: (password, { pw, salt }) => equal(hex('md5', (salt ?? '') + password), pw),
  },
  md5: {
    format: 'generic-hex_md5',
    column: 'password',
    label: 'MD5 without salt, from 2004',
    translatable: true,
    ...selfSalted(
      () => '',
      (password) => hex('md5', password),
    ),
  },
  wp: {
    format: 'wordpress-bcrypt',
    column: 'user_pass',
    label: 'WordPress 6.8 ($wp$2y$)',
    translatable: false,
    ...selfSalted(() => `$wp${bcryptModel()}`, wordpress),
  },
  ssha: {
    format: 'ldap-salted_sha1',
    column: 'userPassword',
    label: 'salted SHA-1 ({SSHA}), from the old directory',
    translatable: false,
    ...selfSalted(
      () => `{SSHA}${Buffer.concat([Buffer.alloc(20), randomBytes(8)]).toString('base64')}`,
      ssha,
    ),
  },
  'gost-yescrypt': {
    format: 'crypt-gost-yescrypt',
    column: 'shadow',
    label: 'gost-yescrypt ($gy$), from a mail server',
    translatable: false,
    // Copied into the shop one day; neither the shop nor anybody else here computes it.
    make: () => ({ pw: '$gy$j9T$Q0tBZlRnV2xYeUxr$H7xGtkXsvc/VHk6a7w6bBV9xajvk1snNOcfEERW5X/.' }),
    matches: () => false,
  },
} as const satisfies Record<string, HashKind>;

export type HashKindName = keyof typeof KINDS;

/** By the value of the shop's column `pw_kind`. */
export const HASH_KINDS: Readonly<Record<HashKindName, HashKind>> = KINDS;

export function hashKind(name: string): HashKind | undefined {
  return Object.hasOwn(KINDS, name) ? HASH_KINDS[name as HashKindName] : undefined;
}
