/**
 * A net for secrets. It learns them where they are used (revealed, typed, handed out to a browser) and looks at what a
 * process writes where none belongs: logs, pages, problems, metrics, rows of the database. What is in both has leaked.
 */
import { createHash } from 'node:crypto';

/** Where something was seen: a kind of place, and which one it was. */
export type Kind = 'log' | 'answer' | 'table';
export type Place = Kind | `${Kind} of ${string}`;

export interface Hit {
  readonly place: Place;
  /** What kind of secret it is: how it was learnt, or what it looks like. Never the secret. */
  readonly what: string;
  /** What stood before it; enough to find the line that writes it. */
  readonly before: string;
}

export interface Seen {
  readonly texts: Readonly<Record<Kind, number>>;
  readonly bytes: number;
  readonly secrets: number;
}

/** Shorter ones are words that stand in any text. */
const TOKEN_LENGTH = 20;
const PHRASE_LENGTH = 12;
const PHRASE_LETTERS = 7;
/** A file of tests learns some hundreds; properties learn without end, and find their leaks among the first. */
const MAX_TOKENS = 50_000;
const MAX_PHRASES = 300;
/** Kept to be compared with what is learnt later: a log line is often there before the answer with the token. */
const MAX_CANDIDATES = 200_000;
const MAX_HITS = 20;
const BEFORE_LENGTH = 80;

/** Enough that no two tokens of a run share it. */
const DIGEST_CHARACTERS = 16;
export const digestOf = (token: string): string =>
  createHash('sha256').update(token).digest('base64').slice(0, DIGEST_CHARACTERS);

const WHOLE_TOKEN = /^[A-Za-z0-9_-]{20,}$/;
export const TOKENS = /[A-Za-z0-9_-]{20,}/g;

/** What is a secret wherever it stands, whoever made it. */
export const LOOKS_SECRET: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['a canary', /canary/i],
  ['a bcrypt hash', /\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}/],
  ['an Argon2 hash', /\$argon2(?:id|i|d)\$(?:v=\d+\$)?m=\d/],
  ['a private key', /PRIVATE KEY-----\s|"d":\s*"[\w-]{40,}"/],
  ['a seed', /otpauth:\/\/[a-z]+\/\S*secret=[A-Z2-7]/],
  ['a signed token', /\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{20,}/],
  // In documentation and messages the password is called so, or left out.
  [
    'a password in a URL',
    /\b(?:postgres(?:ql)?|mysql|mariadb|mongodb|ldaps?|redis|smtps?):\/\/[^\s/:@"']*:(?!(?:password|…)@)[^\s/@"'*<{$[]+@/,
  ],
];

/** What is shown once to whom it is for, and lies nowhere: in no log and no table. */
const SHOWN_ONCE: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['a claim token', /\bfbc[a-z]1\.[\w-]{43}/],
  ['a hand-over token', /\bfb[oh]1\.[\w-]{43}/],
];

export class Net {
  readonly #tokens = new Map<string, string>();
  readonly #phrases = new Map<string, string>();
  readonly #candidates = new Map<string, { place: Place; before: string }>();
  readonly #texts: { place: Place; text: string }[] = [];
  readonly #hits: Hit[] = [];
  readonly #count = { log: 0, answer: 0, table: 0 };
  #bytes = 0;

  /** From now on, and for what was seen already, this must be nowhere. */
  learn(what: string, secret: string): void {
    const core = coreOf(secret);
    if (WHOLE_TOKEN.test(core)) {
      if (this.#tokens.size < MAX_TOKENS) this.#tokens.set(core, what);
    } else if (core.length >= PHRASE_LENGTH && new Set(core).size >= PHRASE_LETTERS) {
      if (this.#phrases.size < MAX_PHRASES) this.#phrases.set(core, what);
    }
  }

  /** A text that whoever reads it may read: no secret belongs there. */
  see(place: Place, text: string): void {
    this.#count[place.split(' ')[0] as Kind] += 1;
    this.#bytes += text.length;
    for (const [what, pattern] of place.startsWith('answer')
      ? LOOKS_SECRET
      : [...LOOKS_SECRET, ...SHOWN_ONCE]) {
      const found = pattern.exec(text);
      if (found) this.#caught({ place, what, before: before(text, found.index) });
    }
    // A token inside an address inside an address is written with escapes around it.
    const plain = text.replaceAll(/%(?:25)*[0-9A-Fa-f]{2}/g, ' ');
    for (const { 0: token, index } of plain.matchAll(TOKENS)) {
      if (this.#candidates.size >= MAX_CANDIDATES) break;
      if (!this.#candidates.has(token)) this.#candidates.set(token, { place, before: before(plain, index) });
    }
    this.#texts.push({ place, text });
    if (this.#texts.length >= 500) this.#lookForPhrases();
  }

  /** Everything that leaked so far. */
  hits(): readonly Hit[] {
    this.#lookForPhrases();
    const tokens = [...this.#tokens].flatMap(([token, what]) => {
      const where = this.#candidates.get(token);
      return where ? [{ what, ...where }] : [];
    });
    return [...this.#hits, ...tokens].slice(0, MAX_HITS);
  }

  /** What can be looked for later without being known: a digest of each token. */
  digests(): string[] {
    return [...this.#tokens.keys()].map(digestOf);
  }

  seen(): Seen {
    return { texts: { ...this.#count }, bytes: this.#bytes, secrets: this.#tokens.size + this.#phrases.size };
  }

  /** Of texts that have gone by; a phrase that is learnt later is looked for in what comes. */
  #lookForPhrases(): void {
    for (const { place, text } of this.#texts.splice(0)) {
      for (const [phrase, what] of this.#phrases) {
        const at = text.indexOf(phrase);
        if (at >= 0) this.#caught({ place, what, before: before(text, at) });
      }
    }
  }

  #caught(hit: Hit): void {
    if (this.#hits.length < MAX_HITS) this.#hits.push(hit);
  }
}

function plain(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}

/** What makes a secret this one: of a URL its password, of a signed token its signature. */
function coreOf(secret: string): string {
  if (/^[a-z][a-z0-9+.-]*:\/\//.test(secret))
    return URL.canParse(secret) ? plain(new URL(secret).password) : '';
  const parts = secret.split('.');
  if (parts.length >= 3 && secret.startsWith('eyJ')) return parts.at(-1)!;
  // Of a hash the part behind its parameters, which many share.
  if (/^[$@{_]/.test(secret)) return secret.split(/[$}]/).at(-1)!;
  return secret.length >= TOKEN_LENGTH ? secret.replace(/=+$/, '') : secret;
}

const before = (text: string, at: number) => text.slice(Math.max(0, at - BEFORE_LENGTH), at);
