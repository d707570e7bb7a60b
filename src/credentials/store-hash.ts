/**
 * Passwords for the column of a legacy store, in its own format: a fresh hash of a password that was typed, or one from
 * elsewhere that its format reads. Nothing leaves before the format itself has read it back and opened with the password.
 */
import type { StoredPassword } from '../user.ts';
import { formatNamed, MARKED } from './format-names.ts';
import type { ParsedHash } from './hash.ts';
import { isWithinBounds } from './hash.ts';
import type { Caps } from './password-settings.ts';
import type { Refusal } from './reasons.ts';
import { isRefusal, refuse } from './reasons.ts';
import { sourceOf } from './source.ts';
import { choose, isSame, layoutsFor, probed } from './store-hash-choice.ts';
import type { Wish, Writing } from './store-hash-layout.ts';

import { bcryptVariantFor } from './store-hash-names.ts';

export type { Writing } from './store-hash-layout.ts';

export interface StoreHash {
  /** For the column; of `keycloak` a JSON text with `secretData` and `credentialData`. */
  readonly encoded: string;
  /** How it is written: `$2y$`, `pbkdf2_sha256$`; `clear`. */
  readonly layout: string;
}

export interface StoreHashOptions {
  /** What the store has of this person now: its layout and costs are taken where they are no weaker than they should be. */
  readonly stored?: readonly StoredPassword[];
  readonly signal?: AbortSignal;
}

interface Means {
  readonly caps: Caps;
  /** The password's bytes, or undefined where it is refused. */
  bytesOf(password: string): Buffer | undefined;
  matches(hash: ParsedHash, password: Buffer, signal?: AbortSignal): Promise<boolean | undefined>;
  derive(hash: ParsedHash, password: Buffer, signal?: AbortSignal): Promise<Uint8Array | undefined>;
}

export function openStoreHashing({ caps, bytesOf, matches, derive }: Means) {
  return {
    /** A fresh hash of this password. Throws hashing_overloaded. */
    async hashFor(
      writing: Writing,
      password: string,
      { stored = [], signal }: StoreHashOptions = {},
    ): Promise<StoreHash | Refusal> {
      const bytes = bytesOf(password);
      if (!bytes) return refuse('password_refused');
      if (writing.format === CLEAR) return { encoded: password, layout: CLEAR };
      const chosen = choose(writing, stored);
      if (isRefusal(chosen)) return chosen;
      if (!isWithinBounds(chosen.read, caps)) return refuse('parameters_out_of_bounds');
      const digest = await derive(chosen.read, bytes, signal);
      const { layout, template, wish, reader } = chosen;
      const encoded = digest && layout.write({ ...template, digest }, wish);
      if (encoded === undefined) return refuse('hash_not_computable');
      const back = reader(encoded);
      const opens = !isRefusal(back) && (await matches(back, bytes, signal));
      return opens ? { encoded, layout: layout.name } : refuse('hash_not_computable');
    },

    /** A hash from elsewhere, where the store reads the very same. No work. */
    translateFor(
      writing: Writing,
      hash: string,
      { stored = [] }: Pick<StoreHashOptions, 'stored'> = {},
    ): StoreHash | Refusal {
      if (writing.format === CLEAR) return refuse('untranslatable_algorithm');
      const source = sourceOf({ format: 'auto', columns: { hash } });
      const known = MARKED.find((format) => format.recognises?.(source))?.parse(source);
      if (!known) return refuse('unrecognised');
      if (isRefusal(known)) return known;
      if (!isWithinBounds(known, caps)) return refuse('parameters_out_of_bounds');
      const chosen = choose(writing, stored);
      if (isRefusal(chosen)) return chosen;
      const { layout, wish, reader, kept } = chosen;
      if (known.algorithm !== chosen.read.algorithm) return refuse('untranslatable_algorithm');
      const encoded = layout.write(asSpelled(known, wish, kept), wish);
      const back = encoded === undefined ? refuse('untranslatable_algorithm') : reader(encoded);
      if (isRefusal(back)) return refuse('untranslatable_algorithm');
      if (back.preparation.length > 0 || known.preparation.length > 0) return refuse('password_prepared');
      return isSame(known, back) && Buffer.from(known.salt).equals(back.salt)
        ? { encoded: encoded!, layout: layout.name }
        : refuse('untranslatable_algorithm');
    },
  };
}

/** Whether passwords can be written so at all, for whoever checks settings: how, or why not. */
export function checkWriting(writing: Writing): { readonly layout: string } | Refusal {
  if (writing.format === CLEAR) return { layout: CLEAR };
  const chosen = choose(writing, []);
  if (!isRefusal(chosen)) return { layout: chosen.layout.name };
  const format = formatNamed(writing.format);
  if (chosen.reason !== 'columns_needed' || !format) return chosen;
  const wish = { format: format.name, settings: writing.settings ?? {} };
  // Of somebody who has a password the store says what is needed.
  const known = probed(format, layoutsFor(format.name), wish);
  return { layout: known?.layout.name ?? AS_STORED };
}

const CLEAR = 'clear';
const AS_STORED = 'as the store has it';

/** Spelled as the store spells it: bcrypt's variants are computed alike. */
function asSpelled(hash: ParsedHash, wish: Wish, kept: ParsedHash | undefined): ParsedHash {
  if (hash.algorithm !== 'bcrypt') return hash;
  const variant = bcryptVariantFor(wish, kept?.algorithm === 'bcrypt' ? kept : undefined);
  return { ...hash, parameters: { ...hash.parameters, variant } };
}
