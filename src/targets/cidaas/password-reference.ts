/**
 * What stands in a password's place at cidaas for people whose hash it cannot read: `CUSTOM_…` with this text as the
 * hash. cidaas sends it back with the password that was typed, and we look the person up by it. It is no secret of
 * theirs and opens nothing; the MAC only keeps others from asking us about passwords of people of their choice, for
 * nothing is known that cidaas proves itself with when it calls.
 */
import { timingSafeEqual } from 'node:crypto';

/** HMAC-SHA-256 or better, under a key of ours that stays the same as long as people are at the target. */
export type Mac = (text: string) => Buffer;

const VERSION = 'fb1';
const MAC_BYTES = 16;
/** A subject's bound, in base64url, and what stands around it. */
const MAX_LENGTH = 2_048;

/** `fb1.<sub>.<MAC>`, both in base64url: what a target calls this person's password. */
export function referenceOf(mac: Mac, target: string, sub: string): string {
  const name = Buffer.from(sub, 'utf8').toString('base64url');
  return `${VERSION}.${name}.${macOf(mac, target, sub).toString('base64url')}`;
}

/** Undefined where it is none, or not one of this target. */
export function subOfReference(mac: Mac, target: string, reference: string): string | undefined {
  if (reference.length > MAX_LENGTH) return undefined;
  const [, name, given] = /^fb1\.([\w-]+)\.([\w-]{22})$/.exec(reference) ?? [];
  if (name === undefined || given === undefined) return undefined;
  const sub = Buffer.from(name, 'base64url').toString('utf8');
  const expected = macOf(mac, target, sub);
  const bytes = Buffer.from(given, 'base64url');
  if (bytes.length !== expected.length || !timingSafeEqual(bytes, expected)) return undefined;
  // The same bytes can be written in more than one way: only ours is taken.
  return referenceOf(mac, target, sub) === reference ? sub : undefined;
}

const macOf = (mac: Mac, target: string, sub: string) =>
  mac(JSON.stringify(['cidaas-password', VERSION, target, sub])).subarray(0, MAC_BYTES);
