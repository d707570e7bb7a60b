/**
 * What PHP's password_hash and its forerunners write, as members of columns that hold it beside something older. And
 * a column cut into the parts that a member reads.
 */
import {
  BCRYPT,
  MD5CRYPT,
  PHPASS,
  parseBcrypt,
  parseMd5crypt,
  parsePhpass,
  parseShaCrypt,
} from './crypt-strings.ts';
import { hexOf } from './digests.ts';
import type { Format } from './format.ts';
import { anyOf, format } from './format.ts';
import { ARGON2, parseArgon2 } from './phc-strings.ts';
import type { PreparationStep } from './preparation.ts';
import { recipeFormat } from './recipe/recipe-format.ts';
import type { Source } from './source.ts';

export const MD5_HEX = /^[0-9a-f]{32}$/i;
export const SHA1_HEX = /^[0-9a-f]{40}$/i;
export const SHA256_HEX = /^[0-9a-f]{64}$/i;
export const SHA512_HEX = /^[0-9a-f]{128}$/i;

/** bcrypt and argon2, over the password as it is or as the product prepares it. */
export function phpPassword(name: string, preparation?: readonly PreparationStep[]): Format {
  return anyOf(name, [
    format({ name, pattern: BCRYPT, read: ([text]) => parseBcrypt(text, preparation) }),
    format({ name, pattern: ARGON2, read: ([text]) => parseArgon2(text, preparation) }),
  ]);
}

export const phpass = format({
  name: 'phpass',
  pattern: PHPASS,
  read: ([text]) => parsePhpass(text),
});

/** phpass over the MD5 of an older table, marked by a letter in front: nobody had to log in for the move. */
export const phpassOfMd5 = format({
  name: 'phpass-of-md5',
  pattern: /^[A-Z](\$[PH]\$.+)$/,
  read: ([, text]) => parsePhpass(text, [hexOf('md5')]),
});

export const bareBcrypt = format({ name: 'bcrypt', pattern: BCRYPT, read: ([text]) => parseBcrypt(text) });
export const bareArgon2 = format({ name: 'argon2', pattern: ARGON2, read: ([text]) => parseArgon2(text) });
export const md5crypt = format({
  name: 'md5crypt',
  pattern: MD5CRYPT,
  read: ([text]) => parseMd5crypt(text),
});
export const shaCrypt = format({
  name: 'sha-crypt',
  pattern: /^\$[56]\$.+$/,
  read: ([text]) => parseShaCrypt(text),
});
export const bareMd5 = recipeFormat({ name: 'md5', pattern: MD5_HEX, recipe: 'hex(md5(password))' });
export const bareSha1 = recipeFormat({ name: 'sha1', pattern: SHA1_HEX, recipe: 'hex(sha1(password))' });
export const bareSha256 = recipeFormat({
  name: 'sha256',
  pattern: SHA256_HEX,
  recipe: 'hex(sha256(password))',
});

/** The same format under another name. */
export function named(name: string, { parse }: Format): Format {
  return { name, parse };
}

/** The source as if the product kept these in columns of their own. */
export function withParts(source: Source, { hash, salt }: Pick<Source, 'hash' | 'salt'>): Source {
  return { ...source, hash: hash || undefined, salt, columns: { hash, salt } };
}

/** The formats, and some of them under further names: by version, or by what the column happens to hold. */
export function withAliases(
  formats: readonly Format[],
  aliases: Readonly<Record<string, readonly string[]>>,
): readonly Format[] {
  const others = Object.entries(aliases).flatMap(([name, further]) => {
    const known = formats.find((one) => one.name === name)!;
    return further.map((alias) => named(alias, known));
  });
  return [...formats, ...others];
}

/** Prefers a column by its name, where others' names speak of passwords too, or where it is empty for most. */
export function fromColumn(column: string, { name, parse }: Format): Format {
  return {
    name,
    parse(source) {
      const hash = source.column(column);
      return parse(hash ? withParts(source, { hash, salt: source.salt }) : source);
    },
  };
}
