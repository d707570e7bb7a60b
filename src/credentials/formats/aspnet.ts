/** ASP.NET: Identity's binary layouts (PasswordHasher) and the older Membership provider. */
import type { DigestName } from '../algorithm.ts';
import { DIGEST_BYTES } from '../algorithm.ts';
import { decoded } from '../columns.ts';
import { parseBcrypt } from '../crypt-strings.ts';
import { digestHash } from '../digests.ts';
import { base64, utf8 } from '../encoding.ts';
import type { Format } from '../format.ts';
import { anyOf, format, formats } from '../format.ts';
import type { ParsedHash } from '../hash.ts';
import { hashOf } from '../hash.ts';
import type { PreparationStep } from '../preparation.ts';
import type { Refusal } from '../reasons.ts';
import { refuse } from '../reasons.ts';
import { recipeFormat } from '../recipe/recipe-format.ts';
import type { Source } from '../source.ts';

type Steps = readonly PreparationStep[];

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const PRFS: readonly DigestName[] = ['sha1', 'sha256', 'sha512'];

/** 0x00 ‖ salt (16) ‖ key (32): PBKDF2-HMAC-SHA1, 1,000 iterations. */
function parseV2(text: string | undefined, preparation: Steps = []): ParsedHash | Refusal {
  const bytes = base64(text, 49);
  if (bytes?.[0] !== 0) return refuse('malformed');
  const parts = { salt: bytes.subarray(1, 17), digest: bytes.subarray(17), preparation };
  return hashOf('pbkdf2', { digest: 'sha1', iterations: 1000 }, parts);
}

/** 0x01 ‖ prf ‖ iterations ‖ salt length (32 bits each, big-endian) ‖ salt ‖ key. */
function parseV3(text: string | undefined): ParsedHash | Refusal {
  const bytes = base64(text);
  if (!bytes || bytes.length < 13 || bytes[0] !== 1) return refuse('malformed');
  const digest = PRFS[bytes.readUInt32BE(1)];
  const saltEnd = 13 + bytes.readUInt32BE(9);
  if (!digest || saltEnd >= bytes.length) return refuse('malformed');
  const parts = { salt: bytes.subarray(13, saltEnd), digest: bytes.subarray(saltEnd) };
  return hashOf('pbkdf2', { digest, iterations: bytes.readUInt32BE(5) }, parts);
}

const V3 = ['', '-sha1', '-sha256', '-sha512'].map((prf) => `aspnet-identity-v3${prf}`);

const identity = [
  ...formats(['aspnet-identity-v2', 'aspnet-simplemembership', 'aspnet-crypto-hashpassword'], {
    pattern: BASE64,
    read: ([text]) => parseV2(text),
  }),
  ...formats(V3, { pattern: BASE64, read: ([text]) => parseV3(text) }),
];

const UTF16 = [{ step: 'utf16le' }] as const;

/** How long a key .NET's keyed hashes start with: the block, and for HMAC-SHA1 the same 64 bytes. */
const KEY_BYTES: Readonly<Record<DigestName, number>> = {
  md5: 64,
  sha1: 64,
  sha224: 64,
  sha256: 64,
  sha384: 128,
  sha512: 128,
};

/** Membership repeats a short salt to the key's length, and cuts a longer one. */
function membershipKey(digest: DigestName, salt: Buffer | undefined): Buffer | undefined {
  return salt && salt.length > 0 ? Buffer.alloc(KEY_BYTES[digest], salt) : undefined;
}

function membershipHmac(digest: DigestName, text: string | undefined, salt: string | undefined) {
  return hashOf(
    'hmac',
    { digest },
    {
      salt: membershipKey(digest, base64(salt)),
      digest: base64(text, DIGEST_BYTES[digest]),
      preparation: UTF16,
    },
  );
}

function membershipDigest(digest: DigestName, text: string | undefined, salt: string | undefined) {
  const parts = { salt: base64(salt), digest: base64(text, DIGEST_BYTES[digest]), preparation: UTF16 };
  return digestHash(digest, parts);
}

const MEMBERSHIP: readonly DigestName[] = ['md5', 'sha1', 'sha256', 'sha384', 'sha512'];

/** SqlMembershipProvider and the products on it: digests of salt ‖ UTF-16 password, or HMACs. */
const membershipHashed = MEMBERSHIP.flatMap((digest) => [
  ...formats([`aspnet-membership-${digest}`, `dnn-${digest}`, `sitecore-${digest}`, `episerver-${digest}`], {
    pattern: BASE64,
    read: ([text], { salt }) => membershipDigest(digest, text, salt),
  }),
  ...formats([`aspnet-membership-hmac${digest}`, `episerver-hmac${digest}`], {
    pattern: BASE64,
    read: ([text], { salt }) => membershipHmac(digest, text, salt),
  }),
]);

const clear = format({
  name: 'aspnet-membership-clear',
  pattern: /^.+$/s,
  read: ([text]) => hashOf('plaintext', {}, { digest: utf8(text) }),
});

/** The column PasswordFormat says which; a hash's length which digest. Ciphertexts (2) need the machine key's layout. */
const membership: Format = {
  name: 'aspnet-membership',
  parse(source) {
    const kind = source.column('PasswordFormat') ?? '1';
    if (kind === '0') return clear.parse(source);
    if (kind !== '1') return refuse('unsupported_algorithm');
    const bytes = base64(source.hash)?.length;
    const digest = (['md5', 'sha1', 'sha384', 'sha512'] as const).find(
      (known) => DIGEST_BYTES[known] === bytes,
    );
    if (source.hash === undefined) return refuse('no_hash');
    // 32 bytes are SHA-256 before .NET 4 and HMAC-SHA256 since.
    return digest
      ? membershipDigest(digest, source.hash, source.salt)
      : membershipHmac('sha256', source.hash, source.salt);
  },
};

/** Umbraco 6 to 8: base64(salt (16)), then the HMAC's base64. Before, an HMAC-SHA1 of the password under itself. */
const umbraco = [
  ...(['sha256', 'sha1', 'sha512'] as const).map((digest) =>
    format({
      name: `umbraco-hmac${digest}`,
      pattern: /^([A-Za-z0-9+/]{22}==)([A-Za-z0-9+/]+={0,2})$/,
      read: ([, salt, text]) => membershipHmac(digest, text, salt),
    }),
  ),
  recipeFormat({
    name: 'umbraco-4-hmacsha1',
    pattern: /^[A-Za-z0-9+/]{27}=$/,
    recipe: 'base64(hmac_sha1(utf16le(password), utf16le(password)))',
  }),
];

/** Orchard digests like Membership; its PBKDF2 is Identity's over salt ‖ password as one UTF-16 text. */
const orchard = [
  ...(['sha1', 'sha256', 'sha512'] as const).map((digest) =>
    format({
      name: `orchard-${digest}`,
      pattern: BASE64,
      read: ([text], { salt }) => membershipDigest(digest, text, salt),
    }),
  ),
  format({
    name: 'orchard-pbkdf2',
    pattern: BASE64,
    read: ([text], source) => orchardPbkdf2(text, source),
  }),
];

function orchardPbkdf2(text: string | undefined, { salt }: Source): ParsedHash | Refusal {
  const start = base64(salt)?.toString('utf16le').toWellFormed();
  if (start === undefined) return refuse('malformed');
  return parseV2(text, [{ step: 'prepend', bytes: Buffer.from(start, 'utf8') }]);
}

/** HashPasswordForStoringInConfigFile of password ‖ salt: hex in capitals. */
const nopcommerce = (['md5', 'sha1', 'sha256', 'sha384', 'sha512'] as const).map((digest) =>
  format({
    name: `nopcommerce-${digest}`,
    pattern: /^[0-9a-f]+$/i,
    read: ([text], { salt }) =>
      digestHash(
        digest,
        { salt: utf8(salt ?? ''), digest: decoded(text, DIGEST_BYTES[digest]) },
        { salt: 'suffix' },
      ),
  }),
);

/** ServiceStack: base64(sha256(password ‖ salt)), the salt's base64 in a column of its own. */
const serviceStack = format({
  name: 'servicestack-sha256',
  pattern: BASE64,
  read: ([text], { salt }) =>
    digestHash('sha256', { salt: base64(salt), digest: base64(text, 32) }, { salt: 'suffix' }),
});

/** BCrypt.Net's EnhancedHashPassword: bcrypt over base64(sha384(password)), or another digest. */
const enhanced = (['sha384', 'sha256', 'sha512'] as const).flatMap((digest) =>
  formats(
    digest === 'sha384'
      ? ['bcrypt-net-enhanced', 'bcrypt-net-enhanced-sha384']
      : [`bcrypt-net-enhanced-${digest}`],
    {
      pattern: /^\$2.+$/,
      read: ([text]) => parseBcrypt(text, [{ step: 'digest', digest, as: 'base64' }]),
    },
  ),
);

export const aspnetFormats = [
  ...identity,
  anyOf('aspnet-identity', identity),
  ...membershipHashed,
  clear,
  membership,
  ...umbraco,
  anyOf('umbraco', [...identity, ...umbraco]),
  ...orchard,
  ...nopcommerce,
  anyOf('nopcommerce', nopcommerce),
  serviceStack,
  anyOf('servicestack', [...identity, serviceStack]),
  ...enhanced,
  format({ name: 'bcrypt-net', pattern: /^\$2.+$/, read: ([text]) => parseBcrypt(text) }),
];
