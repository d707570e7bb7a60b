/** The `$id$…` strings of crypt(3) and its kin, which many formats wrap. Salt and digest stay text. */
import { cryptDigit, integer, utf8 } from './encoding.ts';
import type { ParsedHash } from './hash.ts';
import { hashOf } from './hash.ts';
import type { PreparationStep } from './preparation.ts';
import type { Refusal } from './reasons.ts';
import { refuse } from './reasons.ts';

type Text = string | undefined;
type Preparation = readonly PreparationStep[];

/** bcrypt's 22 characters of salt and 31 of digest. `$2x$` marks hashes of a broken crypt_blowfish. */
export const BCRYPT = /^\$(2[abxy]?)\$(\d\d)\$([./A-Za-z0-9]{22})([./A-Za-z0-9]{31})$/;
export const MD5CRYPT = /^\$(1|apr1)\$([^$:\n]{0,8})\$([./0-9A-Za-z]{22})$/;
export const SHA_CRYPT =
  /^\$([56])\$(?:rounds=(\d{1,10})\$)?([^$:\n]{0,16})\$([./0-9A-Za-z]{43}|[./0-9A-Za-z]{86})$/;
export const PHPASS = /^\$([PH])\$([./0-9A-Za-z])(.{8})([./0-9A-Za-z]{22})$/;
export const DRUPAL7 = /^(U?)\$S\$([./0-9A-Za-z])(.{8})([./0-9A-Za-z]{43})$/;

export function parseBcrypt(text: Text, preparation?: Preparation): ParsedHash | Refusal {
  const [, variant, cost, salt, digest] = BCRYPT.exec(text ?? '') ?? [];
  if (variant === '2x' || variant === '2') return refuse('unsupported_algorithm');
  if (variant !== '2a' && variant !== '2b' && variant !== '2y') return refuse('malformed');
  return hashOf(
    'bcrypt',
    { variant, cost: integer(cost) },
    { salt: utf8(salt), digest: utf8(digest), preparation },
  );
}

export function parseMd5crypt(text: Text): ParsedHash | Refusal {
  const [, magic, salt, digest] = MD5CRYPT.exec(text ?? '') ?? [];
  if (magic !== '1' && magic !== 'apr1') return refuse('malformed');
  return hashOf('md5crypt', { magic }, { salt: utf8(salt), digest: utf8(digest) });
}

export function parseShaCrypt(text: Text): ParsedHash | Refusal {
  const [, id, rounds, salt, digest] = SHA_CRYPT.exec(text ?? '') ?? [];
  if (digest?.length !== (id === '5' ? 43 : 86)) return refuse('malformed');
  const parameters = {
    digest: id === '5' ? 'sha256' : 'sha512',
    rounds: integer(rounds ?? '5000'),
    saysRounds: rounds !== undefined,
  } as const;
  return hashOf('sha-crypt', parameters, { salt: utf8(salt), digest: utf8(digest) });
}

export function parsePhpass(text: Text, preparation?: Preparation): ParsedHash | Refusal {
  const [, prefix, rounds, salt, digest] = PHPASS.exec(text ?? '') ?? [];
  if (prefix !== 'P' && prefix !== 'H') return refuse('malformed');
  const parameters = { prefix, log2Rounds: cryptDigit(rounds) } as const;
  return hashOf('phpass', parameters, { salt: utf8(salt), digest: utf8(digest), preparation });
}

/** `U$S$`: an MD5 of Drupal 6, hashed once more in the upgrade to 7. */
export function parseDrupal7(text: Text): ParsedHash | Refusal {
  const [, upgraded, rounds, salt, digest] = DRUPAL7.exec(text ?? '') ?? [];
  const preparation: Preparation = upgraded ? [{ step: 'digest', digest: 'md5', as: 'hex' }] : [];
  const parameters = { log2Rounds: cryptDigit(rounds) };
  return hashOf('drupal7', parameters, { salt: utf8(salt), digest: utf8(digest), preparation });
}
