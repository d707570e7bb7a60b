/**
 * The password hashes the demo's target takes, with the rules and bounds of ZITADEL's library (zitadel/passwap at
 * 9d6c1c0, all verifiers on): the same strings are refused at import, and the same ones are taken in although no
 * password will ever open them. The second is why Footbridge names every hash's format and never guesses.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { ALGORITHMS } from '../../src/credentials/algorithms/index.ts';

/** What a verifier makes of a string it knows. */
interface Parsed {
  /** Looked at when importing only: `[name, value, lowest, highest]`. */
  readonly bounds: readonly (readonly [string, number, number, number])[];
  readonly digest: Uint8Array;
  derive(password: Buffer): Uint8Array | Promise<Uint8Array>;
}

interface Verifier {
  readonly name: string;
  /** Undefined: not mine, ask the next one. */
  parse(encoded: string): Parsed | undefined;
}

/** ZITADEL's API takes no longer ones (user/v2, `HashedPassword.hash`). */
const MAX_LENGTH = 200;

const CRYPT_ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const bytes = (text: string) => Buffer.from(text, 'utf8');

/** Standard base64 without padding and without loose ends, as Go's RawStdEncoding.Strict() has it. */
function strictBase64(text: string): Buffer | undefined {
  const decoded = Buffer.from(text, 'base64');
  return decoded.toString('base64').replace(/=+$/, '') === text ? decoded : undefined;
}

/** passlib's alphabet, or the standard one where a `+` shows it; padding is cut. */
function passlibBase64(text: string): Buffer | undefined {
  const bare = text.replace(/=+$/, '');
  return strictBase64(bare.includes('+') ? bare : bare.replaceAll('.', '+'));
}

/** Standard base64 with its padding; empty, which nothing matches, for anything else. */
function paddedBase64(text: string): Buffer {
  const decoded = Buffer.from(text, 'base64');
  return decoded.toString('base64') === text ? decoded : Buffer.alloc(0);
}

const bcrypt: Verifier = {
  name: 'bcrypt',
  parse(encoded) {
    const [, variant, cost, salt, digest] =
      /^\$2([aby])\$(\d\d)\$([./\w]{22})([./\w]{31})$/.exec(encoded) ?? [];
    if (!variant) return undefined;
    const parameters = { variant: '2b', cost: Number(cost) } as const;
    const derivation = { parameters, salt: bytes(salt!), digest: bytes(digest!) };
    return {
      bounds: [['cost', parameters.cost, 4, 31]],
      digest: derivation.digest,
      derive: (password) => ALGORITHMS.bcrypt.derive(password, derivation),
    };
  },
};

const argon2: Verifier = {
  name: 'argon2',
  parse(encoded) {
    const [, variant, m, t, p, saltText, digestText] =
      /^\$argon2(id|i)\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([^$]+)\$([^$]+)$/.exec(encoded) ?? [];
    const [salt, digest] = [strictBase64(saltText ?? ''), strictBase64(digestText ?? '')];
    if (!variant || !salt || !digest) return undefined;
    const [memoryKib, passes, lanes] = [Number(m), Number(t), Number(p)];
    const parameters = { variant: variant as 'id' | 'i', version: 19, memoryKib, passes, lanes };
    return {
      bounds: [
        ['time', passes, 1, 10],
        ['memory', memoryKib, 8_192, 524_288],
        ['threads', lanes, 1, 16],
      ],
      digest,
      derive: (password) => ALGORITHMS.argon2.derive(password, { parameters, salt, digest }),
    };
  },
};

const scrypt: Verifier = {
  name: 'scrypt',
  parse(encoded) {
    const [, ln, r, p, saltText, digestText] =
      /^\$(?:scrypt|7)\$ln=(\d+),r=(\d+),p=(\d+)\$([^$]+)\$([^$]+)$/.exec(encoded) ?? [];
    const [salt, digest] = [strictBase64(saltText ?? ''), strictBase64(digestText ?? '')];
    if (!ln || !salt || !digest) return undefined;
    const parameters = { log2N: Number(ln), blockSize: Number(r), parallelism: Number(p) };
    return {
      bounds: [
        ['LN', parameters.log2N, 14, 20],
        ['R', parameters.blockSize, 8, 32],
        ['P', parameters.parallelism, 1, 16],
      ],
      digest,
      derive: (password) => ALGORITHMS.scrypt.derive(password, { parameters, salt, digest }),
    };
  },
};

const pbkdf2: Verifier = {
  name: 'pbkdf2',
  parse(encoded) {
    const [, size = '1', rounds, saltText, digestText] =
      /^\$pbkdf2(?:-sha(1|224|256|384|512))?\$(\d+)\$([^$]+)\$([^$]+)$/.exec(encoded) ?? [];
    const [salt, digest] = [passlibBase64(saltText ?? ''), passlibBase64(digestText ?? '')];
    // SHA-1 is written without its name.
    if (!rounds || !salt || !digest || encoded.startsWith('$pbkdf2-sha1$')) return undefined;
    const parameters = { digest: `sha${size}` as 'sha1' | 'sha256' | 'sha512', iterations: Number(rounds) };
    return {
      bounds: [['rounds', parameters.iterations, 1_000, 10_000_000]],
      digest,
      derive: (password) => ALGORITHMS.pbkdf2.derive(password, { parameters, salt, digest }),
    };
  },
};

/** Asks nothing of what stands before the first `$`: `{CRYPT}$6$…` is taken, and then never matches. */
const sha2Crypt: Verifier = {
  name: 'sha-crypt',
  parse(encoded) {
    const parts = encoded.split('$');
    if (parts.length < 4 || parts.length > 5 || !/^[56]$/.test(parts[1]!)) return undefined;
    const [, said] = /^rounds=(\d+)$/.exec(parts[2]!) ?? [];
    if (parts[2]!.startsWith('rounds=') && !said) return undefined;
    const salt = bytes((said ? parts[3]! : parts[2]!).slice(0, 16));
    const digest = bytes(parts[0] ? '' : parts.at(-1)!);
    const rounds = Number(said ?? 5_000);
    const parameters = {
      digest: parts[1] === '6' ? 'sha512' : 'sha256',
      rounds,
      saysRounds: Boolean(said),
    } as const;
    return {
      bounds: [['rounds', rounds, 1_000, 999_999_999]],
      digest,
      derive: (password) => ALGORITHMS['sha-crypt'].derive(password, { parameters, salt, digest }),
    };
  },
};

const md5Crypt: Verifier = {
  name: 'md5',
  parse(encoded) {
    const [, salt, digest] = /^\$1\$([^$]+)\$([^$]+)$/.exec(encoded) ?? [];
    if (!salt || !digest) return undefined;
    const derivation = { parameters: { magic: '1' } as const, salt: bytes(salt), digest: bytes(digest) };
    return {
      bounds: [],
      digest: derivation.digest,
      derive: (password) => ALGORITHMS.md5crypt.derive(password, derivation),
    };
  },
};

const phpass: Verifier = {
  name: 'phpass',
  parse(encoded) {
    if (!/^\$[PH]\$/.test(encoded) || encoded.length !== 34) return undefined;
    const log2Rounds = CRYPT_ALPHABET.indexOf(encoded[3]!);
    const [salt, digest] = [bytes(encoded.slice(4, 12)), bytes(encoded.slice(12))];
    const parameters = { prefix: encoded[1] as 'P' | 'H', log2Rounds };
    return {
      bounds: [['rounds', log2Rounds, 7, 31]],
      digest,
      derive: (password) => ALGORITHMS.phpass.derive(password, { parameters, salt, digest }),
    };
  },
};

const drupal7: Verifier = {
  name: 'drupal7',
  parse(encoded) {
    const log2Rounds = CRYPT_ALPHABET.indexOf(encoded[3] ?? ' ');
    if (!encoded.startsWith('$S$') || encoded.length !== 55 || log2Rounds < 0) return undefined;
    const [salt, digest] = [bytes(encoded.slice(4, 12)), bytes(encoded.slice(12))];
    return {
      bounds: [['iterations', 2 ** log2Rounds, 1_000, 500_000]],
      digest,
      derive: (password) => ALGORITHMS.drupal7.derive(password, { parameters: { log2Rounds }, salt, digest }),
    };
  },
};

const md5 = (content: Buffer) => createHash('md5').update(content).digest();

/** The digest has to be base64, which is looked at only at login: in hex it is taken, and then never matches. */
const md5Salted: Verifier = {
  name: 'md5salted',
  parse(encoded) {
    const [, place, salt, digest] = /^\$md5salted-(prefix|suffix)\$([^$\s]+)\$([^$\s]+)/.exec(encoded) ?? [];
    if (!place || !salt || !digest) return undefined;
    return {
      bounds: [],
      digest: paddedBase64(digest),
      derive: (password) =>
        md5(Buffer.concat(place === 'prefix' ? [bytes(salt), password] : [password, bytes(salt)])),
    };
  },
};

/** Takes any hex for an MD5: SHA-1, SHA-256 and NT hashes are taken as well, and then never match. */
const md5Plain: Verifier = {
  name: 'md5plain',
  parse(encoded) {
    if (!/^(?:[0-9a-f]{2})*$/i.test(encoded)) return undefined;
    return { bounds: [], digest: Buffer.from(encoded, 'hex'), derive: md5 };
  },
};

const VERIFIERS = [bcrypt, argon2, scrypt, pbkdf2, sha2Crypt, md5Crypt, phpass, drupal7, md5Salted, md5Plain];

/** ZITADEL's codes for a hash it does not take. */
export interface HashRefusal {
  readonly code: 'CRYPT-2xK7d' | 'CRYPT-5uV9n' | 'CRYPT-r8Qm2';
  readonly message: string;
}

/** What an import looks at: the form and the bounds, never a password. Undefined when it is taken. */
export function refusalOf(encoded: string): HashRefusal | undefined {
  if (encoded.length === 0 || encoded.length > MAX_LENGTH) {
    return {
      code: 'CRYPT-r8Qm2',
      message: `The hash has ${encoded.length} characters: 1 to ${MAX_LENGTH} are taken.`,
    };
  }
  const [verifier, parsed] = parse(encoded);
  if (!verifier || !parsed) return { code: 'CRYPT-2xK7d', message: 'No verifier knows this kind of hash.' };
  const beyond = parsed.bounds.find(([, value, lowest, highest]) => !(value >= lowest && value <= highest));
  if (!beyond) return undefined;
  const [name, value, lowest, highest] = beyond;
  return {
    code: 'CRYPT-5uV9n',
    message: `${verifier.name} parameter ${name} is ${value}: expected ${lowest} to ${highest}.`,
  };
}

/** The name of the verifier that takes care of a hash; safe to show. */
export function kindOf(encoded: string): string | undefined {
  return parse(encoded)[0]?.name;
}

export async function verify(encoded: string, password: string): Promise<boolean> {
  const [, parsed] = parse(encoded);
  if (!parsed) return false;
  const derived = await parsed.derive(bytes(password));
  return derived.length === parsed.digest.length && timingSafeEqual(derived, parsed.digest);
}

function parse(encoded: string): readonly [Verifier, Parsed] | readonly [undefined, undefined] {
  for (const verifier of VERIFIERS) {
    const parsed = verifier.parse(encoded);
    if (parsed) return [verifier, parsed];
  }
  return [undefined, undefined];
}
