/** Argon2 as such, and the frameworks that store it with nothing around it. */
import { format, formats } from '../format.ts';
import { ARGON2, parseArgon2 } from '../phc-strings.ts';

const BARE = ['argon2-npm', 'passlib-argon2id', 'php-argon2i', 'php-argon2id', 'symfony-sodium'];

export const argon2Formats = [
  format({ name: 'argon2', pattern: ARGON2, mark: true, read: ([text]) => parseArgon2(text) }),
  ...formats(BARE, { pattern: ARGON2, read: ([text]) => parseArgon2(text) }),
];
