/** One writer per format that targets accept: what to import, or why this hash cannot be written so. */
import type { WriteName } from '../accepted-format.ts';
import type { Writer } from '../written.ts';
import { argon2Writers } from './argon2.ts';
import { bcryptWriters } from './bcrypt.ts';
import { cryptWriters } from './crypt.ts';
import { digestWriters } from './digest.ts';
import { hmacWriters } from './hmac.ts';
import { pbkdf2Writers } from './pbkdf2.ts';
import { scryptWriters } from './scrypt.ts';

export const WRITERS: { readonly [W in WriteName]: Writer<W> } = {
  ...bcryptWriters,
  ...cryptWriters,
  ...argon2Writers,
  ...pbkdf2Writers,
  ...scryptWriters,
  ...digestWriters,
  ...hmacWriters,
};
