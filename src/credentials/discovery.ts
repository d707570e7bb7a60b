/**
 * Which format a stored password is in, found out with a password that is known to open it: for whoever has a test
 * account and no idea what the store does. A match of sixteen bytes or more is proof, so that nothing is guessed.
 */
import type { StoredPassword } from '../user.ts';
import { likeness } from './format-names.ts';
import { FORMATS } from './formats/index.ts';
import type { ParsedHash } from './hash.ts';
import { isConditional } from './preparation.ts';
import { isRefusal } from './reasons.ts';
import { functionOf } from './recipe/functions/index.ts';
import { holds } from './recipe/tree.ts';
import { sourceOf } from './source.ts';

/** How many slow hashes are worth a try. */
const MAX_SLOW = 24;
const SLOW =
  /^(?:argon2|bcrypt|drupal7|firebase-scrypt|oracle12|pbkdf2|phpass|scram|scrypt|sha-crypt|yescrypt)/;
/** Different passwords open these, or a short digest proves little: only for a name much like theirs. */
const COARSE = /^(?:aes-cbc|cisco-pix|des-crypt|lm|mysql323|oracle10|plaintext)$/;
const MIN_DIGEST_BYTES = 16;
const MUCH_ALIKE = 0.5;
const CHANGING = /^(?:ascii_)?(?:lower|upper)$|^(?:trim|nfk?c|escape_html|strip_blanks|latin1|slice|part)$/;

/** Names of the formats that can read these columns, likeliest first; of those that come to the same, one. */
export function candidates(stored: StoredPassword): string[] {
  const source = sourceOf(stored);
  const byHash = new Map<string, { name: string; alike: number; hash: ParsedHash }>();
  for (const { name, parse } of FORMATS) {
    const hash = parse(source);
    if (isRefusal(hash)) continue;
    const alike = likeness(stored.format, name);
    if (!isExact(hash) && alike < MUCH_ALIKE) continue;
    const key = JSON.stringify(hash, (_, value) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value,
    );
    const known = byHash.get(key);
    if (!known || known.alike < alike) byHash.set(key, { name, alike, hash });
  }
  const sorted = [...byHash.values()].sort((a, b) => b.alike - a.alike);
  const slow = new Set(sorted.filter(({ hash }) => isSlow(hash)).slice(MAX_SLOW));
  return sorted.filter((one) => !slow.has(one)).map(({ name }) => name);
}

/**
 * Whether this password proves a format: not where it looks like what some step of a hash works on (a digest, a
 * pepper glued on, escaped signs), as the next shorter construction would open with it.
 */
export function isTelling(password: string, { columns, settings, username }: StoredPassword): boolean {
  if (/[0-9a-f]{32}|&(?:amp|lt|gt|quot|#0?39);|\\['"\\]|={1,2}$/i.test(password)) return false;
  const glued = [...Object.values(columns), ...Object.values(settings ?? {}), username];
  return !glued.some((value) => typeof value === 'string' && value !== '' && isGlued(password, value));
}

const isGlued = (password: string, value: string) =>
  password !== value && (password.startsWith(value) || password.endsWith(value));

function isExact(hash: ParsedHash): boolean {
  if (COARSE.test(hash.algorithm) || hash.digest.length < MIN_DIGEST_BYTES) return false;
  if (hash.preparation.some((step) => isConditional(step) || isCoarseStep(step.step))) return false;
  return hash.algorithm !== 'recipe' || !changesPassword(hash);
}

const isCoarseStep = (step: string) => /^(?:uppercase|remove-blanks|codepage)$/.test(step);

function changesPassword(hash: Extract<ParsedHash, { algorithm: 'recipe' }>): boolean {
  return holds(hash.parameters.program, (node) => node.kind === 'call' && CHANGING.test(node.name));
}

function isSlow(hash: ParsedHash): boolean {
  if (hash.algorithm !== 'recipe') return SLOW.test(hash.algorithm);
  return holds(
    hash.parameters.program,
    (node) => node.kind === 'call' && functionOf(node.name).deriving !== undefined,
  );
}
