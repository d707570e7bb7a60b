/** Network devices and desktops: Cisco, Juniper, Fortinet, Citrix, AIX, macOS. */

import { decoded, documentFormat } from '../columns.ts';
import { cryptBytes } from '../crypt-encoding.ts';
import { parseMd5crypt } from '../crypt-strings.ts';
import { digestHash, template } from '../digests.ts';
import { base64, hex, integer, utf8 } from '../encoding.ts';
import { format, formats } from '../format.ts';
import type { ParsedHash } from '../hash.ts';
import { hashOf } from '../hash.ts';
import { parsePbkdf2, parseScrypt } from '../phc-strings.ts';
import type { Refusal } from '../reasons.ts';

type Text = string | undefined;

/** Base 64 from the highest bit down, in crypt(3)'s alphabet: RFC 4648 with other letters. */
const STANDARD = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const CRYPT = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

function ciscoBase64(text: Text): Buffer | undefined {
  return base64(
    text?.replace(/./gs, (character) => STANDARD[CRYPT.indexOf(character)] ?? '?'),
    32,
  );
}

/** The key that IOS writes into every configuration: type 7 is an encoding, not a hash. */
const TYPE7_KEY = 'dsfd;kfoA,.iyewrkldJKDHSUBsgvca69834ncxv9873254k;fg87';

function parseType7(start: Text, text: Text): ParsedHash | Refusal {
  const password = hex(text)?.map(
    (byte, at) => byte ^ TYPE7_KEY.charCodeAt((integer(start) + at) % TYPE7_KEY.length),
  );
  return hashOf('plaintext', {}, { digest: password });
}

const cisco = [
  ...(['pix', 'asa'] as const).flatMap((model) =>
    formats([`cisco_${model}`, `cisco-${model}`, `passlib-cisco_${model}`], {
      pattern: /^[./0-9A-Za-z]{16}$/,
      read: ([text], { username }) =>
        hashOf('cisco-pix', { model }, { salt: utf8(username ?? ''), digest: utf8(text) }),
    }),
  ),
  ...formats(['cisco-type7', 'cisco_type7', 'passlib-cisco_type7', 'cisco-7'], {
    pattern: /^(\d\d)((?:[0-9A-F]{2})+)$/i,
    read: ([, start, text]) => parseType7(start, text),
  }),
  ...formats(['cisco-type4', 'cisco-4'], {
    pattern: /^(?:\$4\$)?([./0-9A-Za-z]{43})$/,
    read: ([, digest]) => digestHash('sha256', { digest: ciscoBase64(digest) }),
  }),
  ...formats(['cisco-type5', 'cisco-5', 'juniper-md5_crypt'], {
    pattern: /^\$1\$.+$/,
    read: ([text]) => parseMd5crypt(text),
  }),
  ...formats(['cisco-type8', 'cisco-8', 'cisco-type8-pbkdf2'], {
    pattern: /^\$8\$([./0-9A-Za-z]{14})\$([./0-9A-Za-z]{43})$/,
    mark: true,
    read: ([, salt, digest]) =>
      parsePbkdf2('sha256', 20_000, { salt: utf8(salt), digest: ciscoBase64(digest) }),
  }),
  ...formats(['cisco-type9', 'cisco-9', 'cisco-type9-scrypt'], {
    pattern: /^\$9\$([./0-9A-Za-z]{14})\$([./0-9A-Za-z]{43})$/,
    mark: true,
    read: ([, salt, digest]) =>
      parseScrypt(16_384, ['1', '1'], { salt: utf8(salt), digest: ciscoBase64(digest) }),
  }),
];

/** A salt of 12 bytes and a digest that also takes a key that is in every device. */
const FORTINET_KEY = Buffer.from('a388ba2e424cb04a537930c13107cc3fa1329029a9815b70', 'hex');

function fortinet(name: string, digest: 'sha1' | 'sha256', prefix: string) {
  return format({
    name,
    pattern: new RegExp(`^${prefix}([A-Za-z0-9+/]+={0,2})$`),
    read([, text]) {
      const bytes = base64(text, digest === 'sha1' ? 32 : 44);
      const parts = { salt: bytes?.subarray(0, 12), digest: bytes?.subarray(12) };
      return digestHash(digest, parts, { message: ['salt', 'password', FORTINET_KEY] });
    },
  });
}

/** The digits of the salt are its bytes, and the C string's zero is digested as well. */
function netscaler(name: string, digest: 'sha1' | 'sha512', pattern: RegExp) {
  return format({
    name,
    pattern,
    read: ([, salt, text]) =>
      digestHash(
        digest,
        { salt: utf8(salt), digest: hex(text) },
        { message: template`${'salt'}${'password'}\0` },
      ),
  });
}

const AIX = { '1': 'sha1', '256': 'sha256', '512': 'sha512' } as const;

/**
 * Groups of three bytes in crypt(3)'s digits, the last of the three lowest. AIX writes so few digits of a group that is
 * not whole that its bytes are lost: what stands before it is compared.
 */
function aixBytes(text: Text): Buffer | undefined {
  const bytes = cryptBytes(text?.slice(0, text.length - (text.length % 4)));
  for (let at = 0; bytes && at < bytes.length; at += 3) bytes.subarray(at, at + 3).reverse();
  return bytes;
}

const aix = [
  ...formats(['aix-smd5', 'aix_smd5'], {
    pattern: /^\{smd5\}([^$:\n]{0,8})\$([./0-9A-Za-z]{22})$/,
    mark: true,
    read: ([, salt, digest]) => hashOf('md5crypt', { magic: '' }, { salt: utf8(salt), digest: utf8(digest) }),
  }),
  ...(['1', '256', '512'] as const).flatMap((size) =>
    formats([`aix-ssha${size}`, `aix_ssha${size}`], {
      pattern: new RegExp(String.raw`^\{ssha${size}\}(\d\d)\$([^$:\n]*)\$([./0-9A-Za-z]+)$`),
      mark: true,
      read: ([, log2, salt, digest]) =>
        parsePbkdf2(AIX[size], 2 ** integer(log2), { salt: utf8(salt), digest: aixBytes(digest) }),
    }),
  ),
];

/** ShadowHashData's SALTED-SHA512-PBKDF2 as a property list's fields, or `$ml$iterations$salt$entropy` in hex. */
const macos = [
  ...formats(['macos-pbkdf2-hex', 'macos-ml'], {
    pattern: /^\$ml\$(\d{1,10})\$([0-9a-f]+)\$([0-9a-f]+)$/i,
    mark: true,
    read: ([, iterations, salt, key]) =>
      parsePbkdf2('sha512', integer(iterations), { salt: hex(salt), digest: hex(key) }),
  }),
  ...['macos-pbkdf2', 'macos-salted-sha512-pbkdf2', 'macos-pbkdf2-sha512'].map((name) =>
    documentFormat({
      name,
      hash: ['entropy'],
      read: (text, fields) =>
        parsePbkdf2('sha512', integer(fields('iterations')), {
          salt: decoded(fields('salt')),
          digest: decoded(text),
        }),
    }),
  ),
  /** macOS 10.4 to 10.7: four bytes of salt before the digest. */
  ...(['sha1', 'sha512'] as const).map((digest) =>
    format({
      name: `macos-salted-${digest}`,
      pattern: digest === 'sha1' ? /^([0-9a-f]{8})([0-9a-f]{40})$/i : /^([0-9a-f]{8})([0-9a-f]{128})$/i,
      read: ([, salt, text]) => digestHash(digest, { salt: hex(salt), digest: hex(text) }),
    }),
  ),
];

export const applianceFormats = [
  ...cisco,
  fortinet('fortinet-ak1', 'sha1', 'AK1'),
  fortinet('fortinet-sh2', 'sha256', 'SH2'),
  netscaler('netscaler-sha1', 'sha1', /^1([0-9a-f]{8})([0-9a-f]{40})$/i),
  netscaler('netscaler-sha512', 'sha512', /^2([0-9a-f]{8})([0-9a-f]{128})$/i),
  ...aix,
  ...macos,
];
