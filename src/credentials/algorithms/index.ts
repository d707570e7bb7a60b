/** The algorithms: a new one is a file and a line here. */
import { aesCbcAlgorithm } from './aes-cbc.ts';
import { argon2Algorithm } from './argon2.ts';
import { bcryptAlgorithm } from './bcrypt.ts';
import { digestAlgorithm } from './digest.ts';
import { drupal7Algorithm } from './drupal7.ts';
import { firebaseScryptAlgorithm } from './firebase-scrypt.ts';
import { hmacAlgorithm } from './hmac.ts';
import { md5cryptAlgorithm } from './md5crypt.ts';
import { mysql323Algorithm } from './mysql323.ts';
import { pbkdf2Algorithm } from './pbkdf2.ts';
import { phpassAlgorithm } from './phpass.ts';
import { plaintextAlgorithm } from './plaintext.ts';
import { scryptAlgorithm } from './scrypt.ts';
import { shaCryptAlgorithm } from './sha-crypt.ts';

export const ALGORITHMS = {
  'aes-cbc': aesCbcAlgorithm,
  argon2: argon2Algorithm,
  bcrypt: bcryptAlgorithm,
  digest: digestAlgorithm,
  drupal7: drupal7Algorithm,
  'firebase-scrypt': firebaseScryptAlgorithm,
  hmac: hmacAlgorithm,
  md5crypt: md5cryptAlgorithm,
  mysql323: mysql323Algorithm,
  pbkdf2: pbkdf2Algorithm,
  phpass: phpassAlgorithm,
  plaintext: plaintextAlgorithm,
  scrypt: scryptAlgorithm,
  'sha-crypt': shaCryptAlgorithm,
} as const;
