/** The algorithms: a new one is a file and a line here. */
import { aesCbcAlgorithm } from './aes-cbc.ts';
import { argon2Algorithm } from './argon2.ts';
import { bcryptAlgorithm } from './bcrypt.ts';
import { ciscoPixAlgorithm } from './cisco-pix.ts';
import { desCryptAlgorithm } from './des-crypt.ts';
import { digestAlgorithm } from './digest.ts';
import { drupal7Algorithm } from './drupal7.ts';
import { firebaseScryptAlgorithm } from './firebase-scrypt.ts';
import { hmacAlgorithm } from './hmac.ts';
import { lmAlgorithm } from './lm.ts';
import { md4Algorithm } from './md4.ts';
import { md5cryptAlgorithm } from './md5crypt.ts';
import { mysql323Algorithm } from './mysql323.ts';
import { oracle10Algorithm } from './oracle10.ts';
import { oracle12Algorithm } from './oracle12.ts';
import { pbkdf2Algorithm } from './pbkdf2.ts';
import { phpassAlgorithm } from './phpass.ts';
import { plaintextAlgorithm } from './plaintext.ts';
import { recipeAlgorithm } from './recipe.ts';
import { scramAlgorithm } from './scram.ts';
import { scryptAlgorithm } from './scrypt.ts';
import { shaCryptAlgorithm } from './sha-crypt.ts';
import { sha1CryptAlgorithm } from './sha1-crypt.ts';
import { sunMd5Algorithm } from './sun-md5.ts';
import { yescryptAlgorithm } from './yescrypt.ts';

export const ALGORITHMS = {
  'aes-cbc': aesCbcAlgorithm,
  argon2: argon2Algorithm,
  bcrypt: bcryptAlgorithm,
  'cisco-pix': ciscoPixAlgorithm,
  'des-crypt': desCryptAlgorithm,
  digest: digestAlgorithm,
  drupal7: drupal7Algorithm,
  'firebase-scrypt': firebaseScryptAlgorithm,
  hmac: hmacAlgorithm,
  lm: lmAlgorithm,
  md4: md4Algorithm,
  md5crypt: md5cryptAlgorithm,
  mysql323: mysql323Algorithm,
  oracle10: oracle10Algorithm,
  oracle12: oracle12Algorithm,
  pbkdf2: pbkdf2Algorithm,
  phpass: phpassAlgorithm,
  plaintext: plaintextAlgorithm,
  recipe: recipeAlgorithm,
  scram: scramAlgorithm,
  scrypt: scryptAlgorithm,
  'sha-crypt': shaCryptAlgorithm,
  'sha1-crypt': sha1CryptAlgorithm,
  'sun-md5': sunMd5Algorithm,
  yescrypt: yescryptAlgorithm,
} as const;
