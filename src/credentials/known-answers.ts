/**
 * For every kind of writing one hash whose password is known, with costs so low that all take milliseconds. None was
 * made by code of ours: RFC 7914 section 11 (PBKDF2), RFC 4231 section 4.3 (HMAC), crypt_blowfish's own test,
 * openssl passwd (crypt), node:crypto (Argon2, scrypt) and hashlib (the digests, phpass, Drupal 7).
 */
import type { Accepted, WriteName } from './accepted-format.ts';

export interface KnownAnswer<W extends WriteName = WriteName> {
  /** Bounds that let it pass; nothing reads such costs. */
  readonly accepted: Accepted<W>;
  readonly encoded: string | object;
  readonly password: string;
}

const HORSE = 'correct horse';
const ANY = [0, 1_000_000] as const;

const BCRYPT = {
  encoded: '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
  password: 'U*U',
};

const ARGON2 =
  '$argon2id$v=19$m=64,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$MjZP1+1U9JUbDWvDvtLyEsZiNXOKEUxfi6O2oe46uxA';
const argon2 = <W extends WriteName>(write: W) => ({
  write,
  variants: ['id'] as const,
  memoryKiB: ANY,
  passes: ANY,
  lanes: ANY,
});

const SHA256 = ['sha256'] as const;
const PBKDF2_KEY = 'VawEblbjCJ/sFpHCJUS2BflBhSFt3gRl5oudV8INrLxJypzM8Xm2RZkWZLOdd+8xfHG4RbHjC9UJESBB06GXgw';
const PBKDF2 = `$pbkdf2-sha256$i=1,l=64$c2FsdA$${PBKDF2_KEY}`;
const pbkdf2 = <W extends WriteName>(write: W) => ({ write, digests: SHA256, iterations: ANY });

const SCRYPT_KEY = 'OAkZqUBelG6VIYdTJfYSENL5OmZRxMa3GwXn5oFliTg';
const SCRYPT_SALT = 'MDEyMzQ1Njc4OWFiY2RlZg';
const scrypt = <W extends WriteName>(write: W) => ({
  write,
  log2N: ANY,
  blockSize: ANY,
  parallelism: ANY,
});

const SHA256_CRYPT = 'rounds=1000$saltstring$95Bg/RfV2QriLpMdLPHK9el0Ighm6E3CBqMKzZKgCa2';
const SHA512_CRYPT =
  'rounds=1000$saltstring$YiR6NSM0LQXmu7vAhkMXfkdYk7qtFouVx1Mdr3HmzXspT8kONjlpU3CsV7ezCB62uXJoAdaagsH4ck7/tB9js.';
const MD5_CRYPT = 'saltstri$CVtlMpOHug1.jDUbVpFvB1';

const HMAC = '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843';
const HMAC_PASSWORD = 'what do ya want for nothing?';

const document = (credentialData: string, secretData: string) => ({
  type: 'password',
  credentialData,
  secretData,
});
const custom = (custom_password_hash: object) => ({ custom_password_hash });

export const KNOWN_ANSWERS: { readonly [W in WriteName]: KnownAnswer<W> } = {
  bcrypt: { accepted: { write: 'bcrypt', cost: ANY }, ...BCRYPT },
  'bcrypt-auth0': {
    accepted: { write: 'bcrypt-auth0', cost: ANY },
    encoded: custom({ algorithm: 'bcrypt', hash: { value: BCRYPT.encoded } }),
    password: BCRYPT.password,
  },
  'bcrypt-cidaas': {
    accepted: { write: 'bcrypt-cidaas', cost: ANY },
    encoded: { algorithmTypeId: 'BCRYPT_5', passwordHash: BCRYPT.encoded },
    password: BCRYPT.password,
  },
  argon2: { accepted: argon2('argon2'), encoded: ARGON2, password: HORSE },
  'argon2-keycloak': {
    accepted: argon2('argon2-keycloak'),
    encoded: document(
      '{"hashIterations":1,"algorithm":"argon2","additionalParameters":{"hashLength":["32"],"memory":["64"],"type":["id"],"version":["1.3"],"parallelism":["1"]}}',
      '{"value":"MjZP1+1U9JUbDWvDvtLyEsZiNXOKEUxfi6O2oe46uxA=","salt":"MDEyMzQ1Njc4OWFiY2RlZg==","additionalParameters":{}}',
    ),
    password: HORSE,
  },
  'argon2-auth0': {
    accepted: argon2('argon2-auth0'),
    encoded: custom({ algorithm: 'argon2', hash: { value: ARGON2, encoding: 'utf8' } }),
    password: HORSE,
  },
  'argon2-cidaas': {
    accepted: argon2('argon2-cidaas'),
    encoded: { algorithmTypeId: 'ARGON', passwordHash: ARGON2 },
    password: HORSE,
  },
  'pbkdf2-passlib': {
    accepted: pbkdf2('pbkdf2-passlib'),
    encoded: `$pbkdf2-sha256$1$c2FsdA$${PBKDF2_KEY.replaceAll('+', '.')}`,
    password: 'passwd',
  },
  'pbkdf2-kratos': { accepted: pbkdf2('pbkdf2-kratos'), encoded: PBKDF2, password: 'passwd' },
  'pbkdf2-keycloak': {
    accepted: pbkdf2('pbkdf2-keycloak'),
    encoded: document(
      '{"hashIterations":1,"algorithm":"pbkdf2-sha256","additionalParameters":{}}',
      `{"value":"${PBKDF2_KEY}==","salt":"c2FsdA==","additionalParameters":{}}`,
    ),
    password: 'passwd',
  },
  'pbkdf2-auth0': {
    accepted: pbkdf2('pbkdf2-auth0'),
    encoded: custom({ algorithm: 'pbkdf2', hash: { value: PBKDF2, encoding: 'utf8' } }),
    password: 'passwd',
  },
  'pbkdf2-cidaas': {
    accepted: { write: 'pbkdf2-cidaas', digest: 'sha256', iterations: ANY },
    encoded: {
      algorithmTypeId: 'PBKDF2',
      passwordHash:
        '55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783',
      hData: { salt: 'salt', iterations: 1, keylen: 64 },
    },
    password: 'passwd',
  },
  'scrypt-passwap': {
    accepted: scrypt('scrypt-passwap'),
    encoded: `$scrypt$ln=4,r=8,p=1$${SCRYPT_SALT}$${SCRYPT_KEY}`,
    password: HORSE,
  },
  'scrypt-kratos': {
    accepted: scrypt('scrypt-kratos'),
    encoded: `$scrypt$ln=16,r=8,p=1$${SCRYPT_SALT}==$${SCRYPT_KEY}=`,
    password: HORSE,
  },
  'scrypt-auth0': {
    accepted: scrypt('scrypt-auth0'),
    encoded: custom({
      algorithm: 'scrypt',
      hash: { value: '380919a9405e946e9521875325f61210d2f93a6651c4c6b71b05e7e681658938', encoding: 'hex' },
      salt: { value: `${SCRYPT_SALT}==`, encoding: 'base64' },
      keylen: 32,
      cost: 16,
      blockSize: 8,
      parallelization: 1,
    }),
    password: HORSE,
  },
  'firebase-kratos': {
    accepted: { write: 'firebase-kratos', log2N: ANY, blockSize: ANY },
    encoded: `$firescrypt$ln=4,r=8,p=1$${SCRYPT_SALT}==$YSFtdCmJNgNvasD4g2kIdt7LkCKAf1HoiS5pppNvIDM=$Bw==$a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=`,
    password: HORSE,
  },
  phpass: {
    accepted: { write: 'phpass', log2Rounds: ANY },
    encoded: '$P$5saltsaltL3FzpWcZLJU9vJ2S4.XV11',
    password: HORSE,
  },
  drupal7: {
    accepted: { write: 'drupal7', rounds: ANY },
    encoded: '$S$5saltsaltInvP7Oo06aDl/ezDW9bQRStBDX0pvHKlg0n7Q1usk4.',
    password: HORSE,
  },
  md5crypt: { accepted: { write: 'md5crypt' }, encoded: `$1$${MD5_CRYPT}`, password: HORSE },
  'md5crypt-kratos': {
    accepted: { write: 'md5crypt-kratos' },
    encoded: `$md5-crypt$${MD5_CRYPT}`,
    password: HORSE,
  },
  sha256crypt: {
    accepted: { write: 'sha256crypt', rounds: ANY },
    encoded: `$5$${SHA256_CRYPT}`,
    password: HORSE,
  },
  'sha256crypt-kratos': {
    accepted: { write: 'sha256crypt-kratos', rounds: ANY },
    encoded: `$sha256-crypt$${SHA256_CRYPT}`,
    password: HORSE,
  },
  sha512crypt: {
    accepted: { write: 'sha512crypt', rounds: ANY },
    encoded: `$6$${SHA512_CRYPT}`,
    password: HORSE,
  },
  'sha512crypt-kratos': {
    accepted: { write: 'sha512crypt-kratos', rounds: ANY },
    encoded: `$sha512-crypt$${SHA512_CRYPT}`,
    password: HORSE,
  },
  md5plain: {
    accepted: { write: 'md5plain' },
    encoded: '3cb4e732631f47e6eb961f34554b7cde',
    password: HORSE,
  },
  'md5salted-prefix': {
    accepted: { write: 'md5salted-prefix' },
    encoded: '$md5salted-prefix$salt$3oSY6xKwMJc3MQyJcc/Hog==',
    password: HORSE,
  },
  'md5salted-suffix': {
    accepted: { write: 'md5salted-suffix' },
    encoded: '$md5salted-suffix$salt$D4rOOyuX/Dgg3vClp5z5Og==',
    password: HORSE,
  },
  'digest-kratos': {
    accepted: { write: 'digest-kratos', digests: SHA256 },
    encoded:
      '$sha256$pf=LS17U0FMVH0tLXtQQVNTV09SRH0tLQ==$c2FsdA==$R53Y8r/q6JJHEEkkGgLIijXAXEOX2o54/Npl3u/S300=',
    password: HORSE,
  },
  'digest-auth0': {
    accepted: { write: 'digest-auth0', digests: SHA256 },
    encoded: custom({
      algorithm: 'sha256',
      hash: { value: '9fe3720800bc053ce8ac053b01012c11f878a83021d07a51b4f2d7d1db10740a', encoding: 'hex' },
      salt: { value: 'salt', encoding: 'utf8', position: 'suffix' },
    }),
    password: HORSE,
  },
  'digest-cidaas': {
    accepted: { write: 'digest-cidaas', digests: SHA256 },
    encoded: {
      algorithmTypeId: 'SHA256',
      passwordHash: '4104d36f8da2c254349f85836793ebe029e0c957063a34c91c2e9203187b5631',
    },
    password: HORSE,
  },
  'hmac-kratos': {
    accepted: { write: 'hmac-kratos', digests: SHA256 },
    encoded:
      '$hmac-sha256$NWJkY2MxNDZiZjYwNzU0ZTZhMDQyNDI2MDg5NTc1Yzc1YTAwM2YwODlkMjczOTgzOWRlYzU4Yjk2NGVjMzg0Mw==$SmVmZQ==',
    password: HMAC_PASSWORD,
  },
  'hmac-auth0': {
    accepted: { write: 'hmac-auth0', digests: SHA256 },
    encoded: custom({
      algorithm: 'hmac',
      hash: {
        value: HMAC,
        encoding: 'hex',
        digest: 'sha256',
        key: { value: 'SmVmZQ==', encoding: 'base64' },
      },
    }),
    password: HMAC_PASSWORD,
  },
  'hmac-cidaas': {
    accepted: { write: 'hmac-cidaas', digests: SHA256 },
    encoded: { algorithmTypeId: 'HMAC-SHA-256', passwordHash: HMAC, hData: { key: 'Jefe' } },
    password: HMAC_PASSWORD,
  },
};
