/** ASP.NET: Identity's binary layouts (PasswordHasher) and the older Membership provider. */
import { createHash } from 'node:crypto';
import type { DigestName } from '../algorithm.ts';
import { digestHash } from '../digests.ts';
import { base64, utf8 } from '../encoding.ts';
import { anyOf, format, formats } from '../format.ts';
import type { ParsedHash } from '../hash.ts';
import { hashOf } from '../hash.ts';
import type { Refusal } from '../reasons.ts';
import { refuse } from '../reasons.ts';

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const PRFS: readonly DigestName[] = ['sha1', 'sha256', 'sha512'];

/** 0x00 ‖ salt (16) ‖ key (32): PBKDF2-HMAC-SHA1, 1,000 iterations. */
function parseV2(text: string | undefined): ParsedHash | Refusal {
  const bytes = base64(text, 49);
  if (bytes?.[0] !== 0) return refuse('malformed');
  const parts = { salt: bytes.subarray(1, 17), digest: bytes.subarray(17) };
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

const identity = [
  format({ name: 'aspnet-identity-v2', pattern: BASE64, read: ([text]) => parseV2(text) }),
  ...formats(['aspnet-identity-v3', 'aspnet-identity-v3-sha256', 'aspnet-identity-v3-sha512'], {
    pattern: BASE64,
    read: ([text]) => parseV3(text),
  }),
];

const UTF16 = [{ step: 'utf16le' }] as const;

/** .NET's Membership repeats a short key to the HMAC's block, and HMAC digests a longer one. */
function membershipKey(salt: Buffer | undefined): Buffer | undefined {
  if (!salt || salt.length === 0) return undefined;
  return salt.length > 64 ? createHash('sha256').update(salt).digest() : Buffer.alloc(64, salt);
}

const membership = [
  format({
    name: 'aspnet-membership-sha1',
    pattern: BASE64,
    read: ([text], { salt }) =>
      digestHash('sha1', { salt: base64(salt), digest: base64(text, 20), preparation: UTF16 }),
  }),
  format({
    name: 'aspnet-membership-hmacsha256',
    pattern: BASE64,
    read: ([text], { salt }) =>
      hashOf(
        'hmac',
        { digest: 'sha256' },
        { salt: membershipKey(base64(salt)), digest: base64(text, 32), preparation: UTF16 },
      ),
  }),
  format({
    name: 'aspnet-membership-clear',
    pattern: /^.+$/s,
    read: ([text]) => hashOf('plaintext', {}, { digest: utf8(text) }),
  }),
];

export const aspnetFormats = [...identity, anyOf('aspnet-identity', identity), ...membership];
