/** WebAuthn credentials out of their rows or documents. One that cannot be read lets nobody in: it is a factor. */
import { coseKeyOf } from '../credentials/cose-key.ts';
import type { Passkey } from '../user.ts';
import type { PasskeyMapping } from './factor-settings.ts';
import type { Field } from './field-settings.ts';
import type { Scope } from './fields.ts';
import { firstOf, textFrom, unmappable, valuesOf } from './fields.ts';
import { scopesOf } from './rows.ts';
import { isBlank, textOf } from './values.ts';

/** More than anybody has, and what still fits into a page. */
const MAX_PASSKEYS = 50;
/** Web Authentication Level 3, sections 4 and 5.4.3. */
const MAX_ID_BYTES = 1_023;
const MAX_HANDLE_BYTES = 64;
const TRANSPORTS = new Set(['ble', 'cable', 'hybrid', 'internal', 'nfc', 'smart-card', 'usb']);

export function passkeysOf(mapping: PasskeyMapping, record: Scope): Passkey[] {
  const passkeys = scopesOf(mapping, record).flatMap((scope) => passkeyOf(mapping, scope) ?? []);
  if (passkeys.length > MAX_PASSKEYS) throw unmappable(`passkeys: more than ${MAX_PASSKEYS} for one user`);
  return passkeys;
}

function passkeyOf(mapping: PasskeyMapping, scope: Scope): Passkey | undefined {
  const id = firstOf(mapping.credentialId, scope);
  if (isBlank(id) && mapping.when === undefined) return undefined;
  const rpId = textFrom(mapping.rpId, scope);
  const handle = firstOf(mapping.userHandle, scope);
  const bytes = (value: unknown, name: string, max: number) =>
    base64url(
      bytesOf(value, name === 'userHandle' ? mapping.userHandleEncoding : mapping.encoding),
      name,
      max,
    );
  return {
    credentialId: bytes(id, 'credentialId', MAX_ID_BYTES),
    publicKey: publicKeyOf(mapping, scope),
    signCount: countOf(firstOf(mapping.signCount, scope)),
    transports: mapping.transports ? transportsOf(mapping.transports, scope) : [],
    ...(rpId === undefined ? {} : { rpId: rpId.toLowerCase() }),
    ...(isBlank(handle) ? {} : { userHandle: bytes(handle, 'userHandle', MAX_HANDLE_BYTES) }),
  };
}

function publicKeyOf({ publicKey, encoding }: PasskeyMapping, scope: Scope): Uint8Array {
  const value = firstOf(publicKey, scope);
  const text = typeof value === 'string' ? value.trim() : '';
  const key =
    typeof value === 'object' && value !== null && !(value instanceof Uint8Array)
      ? coseKeyOf(value)
      : text.startsWith('-----BEGIN')
        ? coseKeyOf(text)
        : text.startsWith('{')
          ? coseKeyOf(parsed(text))
          : coseKeyOf(bytesOf(value, encoding) ?? new Uint8Array());
  if (!key) throw unmappable('passkeys: publicKey is none that can be read');
  return key;
}

function parsed(text: string): object {
  try {
    return Object(JSON.parse(text));
  } catch {
    throw unmappable('passkeys: publicKey begins like a JWK and is not JSON');
  }
}

function base64url(bytes: Uint8Array | undefined, name: string, max: number): string {
  if (!bytes || bytes.length === 0 || bytes.length > max)
    throw unmappable(`passkeys: ${name} cannot be read`);
  return Buffer.from(bytes).toString('base64url');
}

/** Bytes are taken as they are; text by its encoding, and what does not come out again is not in it. */
function bytesOf(value: unknown, encoding: 'base64' | 'hex' | 'text'): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  const text = textOf(value)?.trim();
  if (text === undefined) return undefined;
  if (encoding === 'text') return Buffer.from(text, 'utf8');
  const bare =
    encoding === 'hex' ? text.toLowerCase().replace(/^(?:0|\\)x/, '') : text.replace(/={1,2}$/, '');
  const bytes = Buffer.from(bare, encoding);
  const again = encoding === 'hex' ? bytes.toString('hex') : bytes.toString('base64url');
  return again === (encoding === 'hex' ? bare : bare.replaceAll('+', '-').replaceAll('/', '_'))
    ? bytes
    : undefined;
}

function countOf(value: unknown): number {
  if (isBlank(value)) return 0;
  const count = Number(textOf(value));
  // 32 bits (Web Authentication Level 3, section 6.1).
  if (!Number.isInteger(count) || count < 0 || count > 0xffff_ffff)
    throw unmappable('passkeys: signCount is not a count');
  return count;
}

/** A list, JSON or words; names we do not know are left out, because browsers ignore them too. */
function transportsOf(field: Field, scope: Scope): string[] {
  const words = valuesOf(field, scope)
    .flat()
    .flatMap(
      (value) =>
        textOf(value)
          ?.toLowerCase()
          .match(/[a-z-]+/g) ?? [],
    )
    .map((word) => word.replace(/^smartcard$/, 'smart-card'));
  return [...new Set(words)].filter((word) => TRANSPORTS.has(word));
}
