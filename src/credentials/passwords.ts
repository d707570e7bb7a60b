/** Verifying, identifying and translating stored passwords: the door to this room. */
import { availableParallelism } from 'node:os';
import { FootbridgeError } from '../errors.ts';
import type { StoredPassword } from '../user.ts';
import type { AcceptedFormat } from './accepted-format.ts';
import { answerTo } from './answering.ts';
import type { Shadow } from './exporting.ts';
import { openExporting } from './exporting.ts';
import { isUnusable } from './format.ts';
import { formatNamed, MARKED } from './format-names.ts';
import type { ParsedHash } from './hash.ts';
import { algorithmOf, isWithinBounds } from './hash.ts';
import type { RunOptions } from './hash-pool.ts';
import { HashPool } from './hash-pool.ts';
import type { PasswordSettings } from './password-settings.ts';
import type { ReasonCode, Refusal } from './reasons.ts';
import { isRefusal, refuse } from './reasons.ts';
import { recipeNamed } from './recipe/compiled.ts';
import { RecipeError } from './recipe/recipe-error.ts';
import type { Source } from './source.ts';
import { sourceOf } from './source.ts';
import type { StoreHash, StoreHashOptions, Writing } from './store-hash.ts';
import { openStoreHashing } from './store-hash.ts';
import type { Translation } from './translation.ts';
import { translateHash } from './translation.ts';

export type { Shadow } from './exporting.ts';
export type { StoreHash, Writing } from './store-hash.ts';
export type { Translation } from './translation.ts';

export interface VerifyOptions {
  /** Aborted while it waits, a verification is dropped without hashing and rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface Passwords {
  /**
   * Whether the password opens the stored one. Never throws on bad hashes: they answer `verified: false` with a
   * reason, at once; a wrong password has no reason. Whoever must not show which it was calls `decoy` then.
   * Throws `hashing_overloaded` when the queue is full, before any work.
   */
  verify(stored: StoredPassword, password: string, options?: VerifyOptions): Promise<VerifyResult>;
  /**
   * For whoever has other work to do before they ask for a hash: where hashes wait already, and with those who have announced
   * themselves there would be too many, it is told now and not after that work. Throws `hashing_overloaded`; call what it
   * returns when the hash is asked for, or will not be.
   */
  announce(): () => void;
  /** Spends the time of a usual verification, in the same queue and slots: for unknown users and unusable hashes. */
  decoy(password: string, options?: VerifyOptions): Promise<void>;
  /** What the stored password is, or why it cannot be verified. No work. */
  identify(stored: StoredPassword): Identified;
  /** What to import at a target that accepts these, first preferred. No work; our own caps do not apply. */
  translate(stored: StoredPassword, accepts: readonly AcceptedFormat[]): Translation;
  /** Both at once, for several that accept: read once, for those who look at a million. */
  examine(
    stored: StoredPassword,
    accepts: readonly (readonly AcceptedFormat[])[],
  ): { readonly identified: Identified; readonly translations: readonly Translation[] };
  /** A fresh hash in the first of these formats that can hold one. Throws hashing_overloaded. */
  hash(password: string, accepts: readonly AcceptedFormat[], options?: VerifyOptions): Promise<Translation>;
  /** The same of a password that the store can recover; a refusal where it cannot. */
  rehash(stored: StoredPassword, accepts: readonly AcceptedFormat[]): Promise<Translation>;
  /**
   * Shadow verification: whether what `translate` would export opens with this password, which has just opened the
   * stored one. The very bytes are read back; nothing is computed twice.
   */
  prove(
    stored: StoredPassword,
    password: string,
    accepts: readonly AcceptedFormat[],
    options?: VerifyOptions,
  ): Promise<Shadow>;
  /**
   * A fresh hash for a legacy store's own column, in its format; the format itself has opened it with this password. Throws
   * hashing_overloaded.
   */
  hashFor(writing: Writing, password: string, options?: StoreHashOptions): Promise<StoreHash | Refusal>;
  /** A hash from elsewhere for that column, where the store's format reads the very same. No work. */
  translateFor(
    writing: Writing,
    hash: string,
    options?: Pick<StoreHashOptions, 'stored'>,
  ): StoreHash | Refusal;
  stats(): { slots: number; running: number; queued: number };
  close(): Promise<void>;
}

export interface VerifyResult {
  readonly verified: boolean;
  /** The format's name; with `auto` the recognised one. */
  readonly format: string;
  /** `unknown` where the hash could not be read. */
  readonly algorithm: string;
  /** Why nothing was computed. */
  readonly reason?: ReasonCode;
}

export type Identified =
  | {
      readonly format: string;
      readonly algorithm: string;
      /** What it costs to compute, like `cost=10`; empty where the algorithm leaves no choice. */
      readonly costs: string;
    }
  | Refusal;

/** Far above what ASVS 6.2.9 asks for (64 characters), and little enough to hash. */
const MAX_PASSWORD_BYTES = 1024;

/** libuv's threads left for DNS and files; its default is four. */
const RESERVED_THREADS = 2;
const DEFAULT_THREADS = 4;

interface Read {
  readonly format: string;
  readonly hash: ParsedHash | Refusal;
}

function read(stored: StoredPassword): Read {
  const source = sourceOf(stored);
  if (stored.recipe !== undefined) return readRecipe(stored.recipe, source);
  const isAuto = stored.format === 'auto';
  const format = isAuto ? MARKED.find((known) => known.recognises?.(source)) : formatNamed(stored.format);
  if (format) return { format: format.name, hash: format.parse(source) };
  if (!isAuto) return { format: stored.format, hash: refuse('unknown_format') };
  if (source.hash === undefined) return { format: 'auto', hash: refuse('no_hash') };
  return { format: 'auto', hash: refuse(isUnusable(source.hash) ? 'unusable' : 'unrecognised') };
}

function readRecipe(text: string, source: Source): Read {
  const recipe = recipeNamed(text);
  if (!(recipe instanceof RecipeError)) return { format: 'recipe', hash: recipe.parse(source) };
  return { format: 'recipe', hash: { reason: 'recipe_invalid', sentence: recipe.message } };
}

function identified({ format, hash }: Read): Identified {
  if (isRefusal(hash)) return hash;
  return { format, algorithm: algorithmOf(hash).label(hash.parameters), costs: costsOf(hash) };
}

function translated({ hash }: Read, accepts: readonly AcceptedFormat[]): Translation {
  return isRefusal(hash) ? hash : translateHash(hash, accepts);
}

/** The numbers among the parameters. */
function costsOf({ parameters }: ParsedHash): string {
  return Object.entries(parameters)
    .filter(([, value]) => typeof value === 'number')
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

/** The password's bytes exactly as entered, or `undefined` where it is refused. */
function bytesOf(password: string): Buffer | undefined {
  if (password === '' || password.includes('\0') || !password.isWellFormed()) return undefined;
  const bytes = Buffer.from(password, 'utf8');
  return bytes.length <= MAX_PASSWORD_BYTES ? bytes : undefined;
}

/** Whose threads compute it: libuv's, a worker's, or a worker's that waits for libuv's. */
function threadsOf(hash: ParsedHash): Pick<RunOptions, 'usesThreadPool' | 'threads' | 'aside'> {
  const algorithm = algorithmOf(hash);
  const { usesThreadPool: uses = false, runsAside } = algorithm;
  const usesThreadPool = typeof uses === 'boolean' ? uses : uses(hash.parameters);
  const threads = algorithm.threads?.(hash.parameters);
  return { usesThreadPool, threads, ...(runsAside ? { aside: answerTo } : {}) };
}

function threadPoolSlots(): number {
  const threads = Number(process.env.UV_THREADPOOL_SIZE) || DEFAULT_THREADS;
  return Math.max(1, threads - RESERVED_THREADS);
}

/** Workers run the source in a checkout and the compiled file where that is what runs. */
function workerUrl(): URL {
  return new URL(`./hash-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);
}

/** Throws `config_invalid` where the decoy is no hash that can be verified. Workers start when first needed. */
export function openPasswords(settings: PasswordSettings): Passwords {
  const cores = availableParallelism();
  const { slots = cores, caps, queueLength, queueWaitSeconds } = settings;
  const pool = new HashPool({
    slots,
    cores,
    queueLength,
    queueWaitSeconds,
    threadPoolSlots: threadPoolSlots(),
    worker: workerUrl(),
  });

  function withinCaps({ format, hash }: Read): Read {
    if (isRefusal(hash) || isWithinBounds(hash, caps)) return { format, hash };
    return { format, hash: refuse('parameters_out_of_bounds') };
  }
  const readWithinCaps = (stored: StoredPassword) => withinCaps(read(stored));

  function hash(parsed: ParsedHash, password: Buffer, { signal }: VerifyOptions) {
    return pool.run({ hash: parsed, password }, { signal, ...threadsOf(parsed) });
  }

  const means = {
    bytesOf,
    matches: async (parsed: ParsedHash, password: Buffer, signal?: AbortSignal) =>
      isWithinBounds(parsed, caps)
        ? (await hash(parsed, password, signal ? { signal } : {})).matches
        : undefined,
    derive: async (parsed: ParsedHash, password: Buffer, signal?: AbortSignal) =>
      (await pool.run({ hash: parsed, password, wants: 'digest' }, { signal, ...threadsOf(parsed) })).digest,
  };
  const exporting = openExporting({ read, ...means });
  const decoy = decoyHash(settings, readWithinCaps);
  return {
    ...exporting,
    ...openStoreHashing({ caps, ...means }),
    async verify(stored, password, options = {}) {
      const { format, hash: parsed } = readWithinCaps(stored);
      if (isRefusal(parsed)) return { verified: false, format, algorithm: 'unknown', reason: parsed.reason };
      const result = { format, algorithm: algorithmOf(parsed).label(parsed.parameters) };
      const bytes = bytesOf(password);
      if (!bytes) return { ...result, verified: false, reason: 'password_refused' };
      const { matches } = await hash(parsed, bytes, options);
      if (matches === undefined) return { ...result, verified: false, reason: 'hash_not_computable' };
      return { ...result, verified: matches };
    },
    async decoy(password, options = {}) {
      const bytes = bytesOf(password);
      if (bytes) await hash(decoy, bytes, options);
    },
    identify: (stored) => identified(readWithinCaps(stored)),
    translate: (stored, accepts) => translated(read(stored), accepts),
    examine(stored, accepts) {
      const found = read(stored);
      return {
        identified: identified(withinCaps(found)),
        translations: accepts.map((formats) => translated(found, formats)),
      };
    },
    announce: () => pool.announce(),
    stats: () => pool.stats(),
    close: () => pool.close(),
  };
}

function decoyHash({ decoy }: PasswordSettings, readHash: (stored: StoredPassword) => Read): ParsedHash {
  const { settings, ...stored } = decoy;
  const { hash } = readHash({ ...stored, ...(settings && { settings }) });
  if (!isRefusal(hash)) return hash;
  throw new FootbridgeError('config_invalid', { detail: `the decoy hash: ${hash.sentence}` });
}
