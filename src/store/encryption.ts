/**
 * What is secret at rest or in a browser's hands: one master key, from which every purpose gets keys of its own
 * (HKDF, RFC 5869), so that nothing sealed for one purpose opens for another. Sync, because cookies pass here.
 */

import type { KeyObject } from 'node:crypto';
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hash,
  hkdfSync,
  randomFillSync,
  timingSafeEqual,
} from 'node:crypto';
import { FootbridgeError } from '../errors.ts';
import type { Secret } from '../settings.ts';

type Bytes = string | Uint8Array;

/** Purposes are literals in the code, like `interaction`: never text from outside. */
export interface Keyring {
  /**
   * Encrypts with the newest key and returns base64url. `aad` names what it belongs to (a user, an interaction): it is
   * not in the result, and opening needs the same again. Random nonces allow 2^32 seals per purpose and master key
   * (NIST SP 800-38D section 8.3): at a hundred a second, more than a year.
   */
  seal(purpose: string, plaintext: Bytes, aad: string): string;
  /** The plaintext, or undefined when it was not sealed by one of these keys for this purpose and `aad`. Never throws. */
  open(purpose: string, sealed: string, aad: string): Buffer | undefined;
  /** HMAC-SHA256 with the newest key; `('a', 'bc')` and `('ab', 'c')` differ. */
  mac(purpose: string, ...parts: Bytes[]): Buffer;
  /** The same with every key, newest first: to find or check what an older key made. */
  macs(purpose: string, ...parts: Bytes[]): Buffer[];
  /** Constant time, whatever the lengths. */
  equal(a: Bytes, b: Bytes): boolean;
}

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** First byte of everything sealed; a later layout gets another. */
const VERSION = 1;
const KEY_ID_BYTES = 4;
const HEADER_BYTES = 1 + KEY_ID_BYTES;

/**
 * `masterKeys`: 32 bytes each, base64 or base64url. The first seals, all open: to rotate, put the new one first and
 * drop the old one when nothing of it is left. Throws `config_invalid` on a key of another size.
 */
export function openKeyring(masterKeys: Secret | readonly Secret[]): Keyring {
  const masters = [masterKeys].flat().map(deriver);
  const [newest] = masters;
  if (!newest) throw badKey();
  return {
    seal: (purpose, plaintext, aad) => seal(newest, { purpose, plaintext, aad }),
    open(purpose, sealed, aad) {
      const bytes = fromBase64url(sealed);
      if (bytes?.[0] !== VERSION || bytes.length < HEADER_BYTES + NONCE_BYTES + TAG_BYTES) return undefined;
      const master = masters.find(({ id }) => id.equals(bytes.subarray(1, HEADER_BYTES)));
      return master && open(master.key(`seal ${purpose}`), bytes, aad);
    },
    mac: (purpose, ...parts) => mac(newest.key(`mac ${purpose}`), parts),
    macs: (purpose, ...parts) => masters.map((master) => mac(master.key(`mac ${purpose}`), parts)),
    equal: (a, b) => timingSafeEqual(hash('sha256', a, 'buffer'), hash('sha256', b, 'buffer')),
  };
}

/** Randomness costs by the call, not by the byte. */
const NONCES = Buffer.alloc(NONCE_BYTES * 128);
let noncesUsed = NONCES.length;
function newNonce(): Buffer {
  if (noncesUsed === NONCES.length) {
    randomFillSync(NONCES);
    noncesUsed = 0;
  }
  noncesUsed += NONCE_BYTES;
  return Buffer.from(NONCES.subarray(noncesUsed - NONCE_BYTES, noncesUsed));
}

interface Master {
  /** Tells which master key sealed something, and nothing about it. */
  readonly id: Buffer;
  /** Before everything that it has sealed. */
  readonly header: Buffer;
  /** As an object: of a plain buffer Node makes one at every use, which takes longer than the use. */
  key(info: string): KeyObject;
}

function deriver(masterKey: Secret): Master {
  const text = masterKey.reveal().trim();
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) throw badKey();
  const master = Buffer.from(text, 'base64');
  const derive = (info: string, bytes: number) =>
    Buffer.from(hkdfSync('sha256', master, '', `footbridge ${info}`, bytes));
  const derived = new Map<string, KeyObject>();
  const id = derive('id', KEY_ID_BYTES);
  return {
    id,
    header: Buffer.from([VERSION, ...id]),
    key(info) {
      const known = derived.get(info);
      if (known) return known;
      const made = createSecretKey(derive(info, KEY_BYTES));
      derived.set(info, made);
      return made;
    },
  };
}

function badKey(): FootbridgeError {
  return new FootbridgeError('config_invalid', {
    detail: 'a master key is 32 random bytes in base64: make one with `openssl rand -base64 32`',
  });
}

function seal(
  master: Master,
  { purpose, plaintext, aad }: { purpose: string; plaintext: Bytes; aad: string },
): string {
  const { header } = master;
  const nonce = newNonce();
  const cipher = createCipheriv(CIPHER, master.key(`seal ${purpose}`), nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.concat([header, Buffer.from(aad)]));
  const body = cipher.update(plaintext as Uint8Array);
  return Buffer.concat([header, nonce, body, cipher.final(), cipher.getAuthTag()]).toString('base64url');
}

function open(key: KeyObject, bytes: Buffer, aad: string): Buffer | undefined {
  const nonce = bytes.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES);
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.concat([bytes.subarray(0, HEADER_BYTES), Buffer.from(aad)]));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    const body = decipher.update(bytes.subarray(HEADER_BYTES + NONCE_BYTES, -TAG_BYTES));
    return Buffer.concat([body, decipher.final()]);
  } catch {
    return undefined;
  }
}

/** Only the one spelling that encoding makes: Node's decoder skips what it does not know. */
function fromBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

/** Each part goes in after its length, so that no two lists of parts feed the same bytes. */
function mac(key: KeyObject, parts: readonly Bytes[]): Buffer {
  const hmac = createHmac('sha256', key);
  for (const part of parts) {
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(Buffer.byteLength(part)));
    hmac.update(length).update(part);
  }
  return hmac.digest();
}
