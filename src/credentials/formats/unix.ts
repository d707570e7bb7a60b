/** What crypt(3) writes into shadow(5) and everywhere else; the methods are a table of their own. */

import { CRYPT_METHODS, parseCrypt } from '../crypt-methods.ts';
import { BCRYPT, parseBcrypt } from '../crypt-strings.ts';
import { format, formats } from '../format.ts';
import type { Source } from '../source.ts';

/** What passlib has a name for as well. */
const PASSLIB = /_crypt$|^bigcrypt$|^crypt16$/;
const LIBXCRYPT_ONLY = /^(?:yescrypt|scrypt|gost-yescrypt|sm3crypt|nt)$/;

/** The first is what `auto` says: `unix-` and passlib's name, or `crypt-` and libxcrypt's where passlib has none. */
function namesOf(known: readonly string[]): string[] {
  const prefixes = LIBXCRYPT_ONLY.test(known[0] ?? '') ? ['crypt-', 'unix-'] : ['unix-', 'crypt-'];
  const all = prefixes.flatMap((prefix) => known.map((name) => prefix + name));
  return [...all, ...known.filter((name) => PASSLIB.test(name)).flatMap((name) => [name, `passlib-${name}`])];
}

const methods = CRYPT_METHODS.flatMap(({ name, others, pattern, mark, read }) => {
  const [first = name, ...names] = namesOf([name, ...others]);
  const marked = mark && { recognises: ({ hash }: Source) => hash !== undefined && mark.test(hash) };
  return [{ ...format({ name: first, pattern, read }), ...marked }, ...formats(names, { pattern, read })];
});

const bcrypt = ['unix-', 'crypt-'].flatMap((prefix) =>
  ['bcrypt', 'bcrypt-2a', 'bcrypt-2y'].map((name) => prefix + name),
);

export const unixFormats = [
  ...methods,
  ...formats(bcrypt, { pattern: BCRYPT, read: ([text]) => parseBcrypt(text) }),
  ...formats(['crypt', 'shadow', 'htpasswd-crypt'], {
    pattern: /^[^:\n]+$/,
    read: ([text]) => parseCrypt(text),
  }),
];
