/** Real hashes: per family in `fixtures/`, and 772 of 134 formats, made by the real frameworks, in `corpus/`. */
import { readdirSync, readFileSync } from 'node:fs';
import type { AcceptedFormat } from '../../src/credentials/accepted-format.ts';
import type { StoredPassword } from '../../src/user.ts';

interface Attempt {
  readonly kind: string;
  readonly password: string;
}

export interface Vector {
  readonly id: string;
  readonly format: string;
  readonly columns: Readonly<Record<string, unknown>>;
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly username?: string;
  /** `null`: no password matches. */
  readonly password: string | null;
  /** Refused by the framework's own verifier. */
  readonly wrong: readonly Attempt[];
  /** Accepted by the framework's own verifier, as by bcrypt beyond 72 bytes. */
  readonly also_accepted?: readonly Attempt[];
  readonly translate: {
    readonly zitadel: {
      readonly status: 'lossless' | 'conditional' | 'rehash' | 'never';
      readonly encoded?: string;
      readonly accepted_at_import?: boolean;
    };
  };
}

const FIXTURES = new URL('./fixtures/', import.meta.url);
const CORPUS = new URL('./corpus/', import.meta.url);

function read(url: URL): Vector[] {
  return JSON.parse(readFileSync(url, 'utf8')).vectors;
}

export function fixture(family: string): Vector[] {
  return read(new URL(`${family}.json`, FIXTURES));
}

/** By group: the file's name without `.json`. */
export function corpus(): { readonly group: string; readonly vectors: readonly Vector[] }[] {
  return readdirSync(CORPUS).map((name) => ({
    group: name.replace('.json', ''),
    vectors: read(new URL(name, CORPUS)),
  }));
}

export function storedOf({ format, columns, settings, username }: Vector): StoredPassword {
  return { format, columns, ...(settings && { settings }), ...(username && { username }) };
}

/** What passwap reads with its default bounds, and ZITADEL's limit of 200 characters. */
export const ZITADEL_READS: readonly AcceptedFormat[] = [
  { write: 'bcrypt', cost: [4, 31] },
  { write: 'argon2', variants: ['id', 'i'], memoryKiB: [8192, 524_288], passes: [1, 10], lanes: [1, 16] },
  {
    write: 'pbkdf2-passlib',
    digests: ['sha1', 'sha224', 'sha256', 'sha384', 'sha512'],
    iterations: [1000, 10_000_000],
    maxLength: 200,
  },
  { write: 'scrypt-passwap', log2N: [14, 20], blockSize: [8, 32], parallelism: [1, 16], maxLength: 200 },
  { write: 'md5crypt' },
  { write: 'sha256crypt', rounds: [1000, 999_999_999] },
  { write: 'sha512crypt', rounds: [1000, 999_999_999] },
  { write: 'phpass', log2Rounds: [7, 31] },
  { write: 'drupal7', rounds: [1000, 500_000] },
  { write: 'md5plain' },
  { write: 'md5salted-prefix' },
  { write: 'md5salted-suffix' },
];
