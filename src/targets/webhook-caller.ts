/** Who calls a webhook: what a secret or a code of `targets[].webhook` is compared with, in constant time. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { decodeBase32, verifyTotp } from '../credentials/totp.ts';
import { FootbridgeError } from '../errors.ts';
import type { WebhookSettings } from './webhook-settings.ts';

/** What came; `url` is what was asked for, with its query. */
export interface Call {
  readonly headers: IncomingHttpHeaders;
  readonly url?: URL | undefined;
}

/** Throws unauthorized. */
export function checkApiKey({ value, ...place }: NonNullable<WebhookSettings['apiKey']>, call: Call): void {
  const given = presented(place, call);
  if (given === undefined || !isSame(given, Buffer.from(value.reveal(), 'utf8')))
    throw stranger('an API key');
}

/** A code may come again while it is good, for several calls may come at once. Throws unauthorized. */
export function checkTotp(
  { key, encoding, algorithm, digits, periodSeconds, ...place }: NonNullable<WebhookSettings['totp']>,
  call: Call,
  nowSeconds: number,
): void {
  const text = key.reveal();
  const secret = encoding === 'text' ? Buffer.from(text, 'utf8') : decodeBase32(text)!;
  const code = presented(place, call)?.toString('latin1') ?? '';
  const rules = { secret, algorithm, digits, periodSeconds };
  if (!verifyTotp(rules, code, { nowMs: nowSeconds * 1_000 })) throw stranger('a code');
}

interface Place {
  readonly name: string;
  readonly in: 'header' | 'query';
}

/** The bytes that came; undefined where nothing did, or more than one. */
function presented(place: Place, { headers, url }: Call): Buffer | undefined {
  if (place.in === 'header') {
    const value = headers[place.name.toLowerCase()];
    // Node reads the bytes of a header as Latin-1.
    return typeof value === 'string' ? Buffer.from(value, 'latin1') : undefined;
  }
  // An address that cannot be read has no query.
  const [value, ...others] = url?.searchParams?.getAll(place.name) ?? [];
  return value === undefined || others.length > 0 ? undefined : Buffer.from(value, 'utf8');
}

/** Of any two lengths, without telling how much of them is the same. */
const isSame = (given: Buffer, right: Buffer) => timingSafeEqual(digestOf(given), digestOf(right));
const digestOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest();

const stranger = (what: string) =>
  new FootbridgeError('unauthorized', { detail: `a call to a webhook without ${what} that is right` });
