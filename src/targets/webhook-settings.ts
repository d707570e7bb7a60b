/** How a target proves that a call to its webhook comes from it: `targets[].webhook`. */
import { z } from 'zod';
import { decodeBase32 } from '../credentials/totp.ts';
import { count, httpUrl, secret } from '../settings.ts';
import { isLoopback } from './sign-in-settings.ts';

/** Both a header's name (RFC 9110 section 5.1) and a parameter's that needs no escaping. */
const name = z
  .string()
  .regex(/^[A-Za-z][\w-]{0,63}$/, { error: 'expected letters, digits, _ and -' })
  .describe('Of the header, or of the parameter of the query.');
const place = z
  .enum(['header', 'query'])
  .default('header')
  .describe('`query` only where there is no other way: proxies before us may log addresses.');

const MIN_KEY = 16;
const key = secret.refine((value) => value.reveal().length >= MIN_KEY, {
  error: `expected at least ${MIN_KEY} characters`,
});

const apiKey = z.strictObject({
  name,
  in: place,
  value: key.describe('What stands there, as a whole: in `Authorization` with `Bearer ` and the like.'),
});

const totp = z
  .strictObject({
    name,
    in: place,
    key: key.describe('The shared key.'),
    encoding: z
      .enum(['base32', 'text'])
      .default('base32')
      .describe('How the key is written: base 32 (RFC 4648), or the bytes of the text itself.'),
    algorithm: z.enum(['SHA1', 'SHA256', 'SHA512']).default('SHA1').describe('Of the codes (RFC 6238).'),
    digits: z
      .union([z.literal(6), z.literal(8)])
      .default(6)
      .describe('Of a code.'),
    periodSeconds: count(15, 120, 30).describe(
      'How long a code is good; those before and after it are taken.',
    ),
  })
  .refine((given) => given.encoding === 'text' || decodeBase32(given.key.reveal()) !== undefined, {
    path: ['key'],
    error: 'expected base 32, or `encoding: text`',
  });

/** Keys that come in clear could be anybody's. */
const safeUrl = httpUrl.refine((text) => new URL(text).protocol === 'https:' || isLoopback(new URL(text)), {
  error: 'expected https, except on loopback',
});

const oauth = z.strictObject({
  clientId: z
    .string()
    .min(1)
    .max(255)
    .describe('The client that it calls us as: tokens of other clients, and of people, are refused.'),
  issuer: safeUrl.optional().describe('Who issues the tokens; the origin of its API when absent.'),
  jwksUrl: safeUrl
    .optional()
    .describe('Where the keys are that sign them; `/.well-known/jwks.json` at the issuer when absent.'),
  audience: z
    .string()
    .min(1)
    .max(500)
    .optional()
    .describe('Whom the tokens are for (`aud`); not looked at when absent.'),
});

export const webhookSettings = z
  .strictObject({
    hmacKey: key.optional().describe('Signs the body of each call, as its kind does.'),
    apiKey: apiKey.optional().describe('A secret that comes with each call.'),
    totp: totp.optional().describe('A code of the time that comes with each call (RFC 6238).'),
    oauth: oauth
      .optional()
      .describe('A token of its own that comes with each call as `Authorization: Bearer` (a JWT, RFC 7519).'),
  })
  .refine((ways) => Object.values(ways).filter((way) => way !== undefined).length === 1, {
    error: 'expected one of hmacKey, apiKey, totp, oauth',
  });
export type WebhookSettings = z.output<typeof webhookSettings>;
export type WebhookWay = keyof WebhookSettings;

/** What calls of each kind can carry; a kind that is not here takes no `webhook`. */
const WAYS: Readonly<Record<string, readonly WebhookWay[]>> = {
  cidaas: ['apiKey', 'totp', 'oauth'],
  keycloak: ['hmacKey', 'apiKey'],
  kratos: ['apiKey'],
};

interface Called {
  readonly kind: string;
  readonly webhook?: WebhookSettings | undefined;
}

/** What only a target's settings together show to be wrong; paths begin with its index. */
export function wrongWebhook(
  targets: readonly Called[],
): { readonly path: PropertyKey[]; readonly message: string }[] {
  return targets.flatMap(({ kind, webhook }, index) => {
    const [way] = Object.entries(webhook ?? {}).find(([, value]) => value !== undefined) ?? [];
    const ways = Object.hasOwn(WAYS, kind) ? WAYS[kind]! : [];
    if (way === undefined || ways.some((one) => one === way)) return [];
    const message = ways.length > 0 ? `a ${kind} proves itself with ${ways.join(', ')}` : `not for ${kind}`;
    return [{ path: [index, 'webhook', way], message }];
  });
}
