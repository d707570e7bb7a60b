/**
 * The keys of a target's hooks: those that `target setup` has stored, and those in the settings that are named after a
 * hook, as `session` or `session.2027`. A key is good for its own hook and nowhere else, because a signature covers
 * neither path nor hook. They are kept for some seconds, so that a rotation needs no restart.
 */
import { isFootbridgeError } from '../../errors.ts';
import type { Secret } from '../../settings.ts';
import type { Queryable } from '../../store/db.ts';
import type { Keyring } from '../../store/encryption.ts';
import type { HookKey } from '../../targets/resources.ts';
import { decryptionKeysOf, signingKeysOf } from '../../targets/resources.ts';
import type { Target } from '../../targets/target.ts';
import type { SigningKey } from '../signature.ts';

export interface HookKeysDeps {
  readonly db: Queryable;
  readonly keyring: Keyring;
  /** Milliseconds that no change of the clock moves. */
  readonly elapsed?: () => number;
}

interface Known {
  readonly signing: readonly HookKey[];
  readonly decryption: readonly HookKey[];
  readonly readAtMs: number;
}

const FRESH_MS = 5_000;
/** Whoever sends bad signatures makes us look for new keys this often and no more. */
const AGAIN_MS = 1_000;

export class HookKeys {
  readonly #deps: HookKeysDeps;
  readonly #elapsed: () => number;
  readonly #known = new Map<string, Promise<Known>>();

  constructor(deps: HookKeysDeps) {
    this.#deps = deps;
    this.#elapsed = deps.elapsed ?? (() => performance.now());
  }

  /** `again`: those known did not fit. Throws storage_unavailable when there are none yet. */
  async signing(target: Target, hook: string, { again = false } = {}): Promise<readonly SigningKey[]> {
    const { signing } = await this.#of(target.name, again ? AGAIN_MS : FRESH_MS);
    const configured = target.hmacKeys.filter(({ id }) => id === hook || id.startsWith(`${hook}.`));
    const stored = signing.filter((key) => key.hook === hook);
    return [...stored, ...configured].map(({ id, key }) => ({ id: `${target.name}/${hook}/${id}`, key }));
  }

  /** Private JWKs, newest first. */
  async decryption(target: Target, hook: string): Promise<readonly Secret[]> {
    const { decryption } = await this.#of(target.name, FRESH_MS);
    return decryption.filter((key) => key.hook === hook).map(({ key }) => key);
  }

  async #of(target: string, maxAgeMs: number): Promise<Known> {
    const before = this.#known.get(target);
    const known = await before?.catch(() => undefined);
    if (known && this.#elapsed() - known.readAtMs < maxAgeMs) return known;
    // Whoever waited here while another one began to read, takes what that one finds.
    const current = this.#known.get(target);
    if (current && current !== before) return current;
    const reading = this.#read(target).catch((error) => {
      if (known && isFootbridgeError(error, 'storage_unavailable')) return known;
      throw error;
    });
    this.#known.set(target, reading);
    return reading;
  }

  async #read(target: string): Promise<Known> {
    const { db, keyring } = this.#deps;
    const readAtMs = this.#elapsed();
    const [signing, decryption] = await Promise.all([
      signingKeysOf(db, keyring, target),
      decryptionKeysOf(db, keyring, target),
    ]);
    return { signing, decryption, readAtMs };
  }
}
