/** Settings of ourselves as a client of a target: for people who sign in there. */
import { createPrivateKey } from 'node:crypto';
import { isIP } from 'node:net';
import { z } from 'zod';
import type { Secret } from '../settings.ts';
import { count, httpUrl, secret } from '../settings.ts';

/** What each of them makes or checks itself. */
const RESERVED = new Set([
  'client_id',
  'client_secret',
  'code_challenge',
  'code_challenge_method',
  'nonce',
  'redirect_uri',
  'request',
  'request_uri',
  'response_mode',
  'response_type',
  'scope',
  'state',
]);

export const signInSettings = z
  .strictObject({
    issuer: httpUrl
      .optional()
      .describe('Its issuer (OpenID Connect Discovery). A hub has none: its addresses are under `hub`.'),
    clientId: z.string().min(1).max(255).describe('Who we are there.'),
    clientSecret: secret.optional().describe('And our secret.'),
    privateKey: secret
      .optional()
      .describe('Instead of a secret: a private key as PEM for private_key_jwt (RFC 7523).'),
    keyId: z
      .string()
      .min(1)
      .max(255)
      .optional()
      .describe('The `kid` of that key, where the target wants one.'),
    algorithm: z.enum(['RS256', 'PS256', 'ES256', 'EdDSA']).default('RS256').describe('Of that key.'),
    authentication: z
      .enum(['basic', 'post'])
      .default('basic')
      .describe('How the secret is sent: client_secret_basic or client_secret_post.'),
    scopes: z
      .array(
        z.string().regex(/^[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]+$/, {
          error: 'expected a scope without blanks or commas',
        }),
      )
      .min(1)
      .optional()
      .describe('What is asked for; by default `openid profile email`, at a hub what its kind needs.'),
    parameters: z
      .record(z.string().regex(/^[\w.:[\]-]{1,100}$/), z.string().max(500))
      .refine((parameters) => Object.keys(parameters).every((name) => !RESERVED.has(name)), {
        error: `expected none of ${[...RESERVED].join(', ')}: they are made for each sign-in`,
      })
      .default({})
      .describe('Further parameters of the authorization request, such as `kc_idp_hint` or `organization`.'),
    timeoutMs: count(500, 60_000, 10_000).describe('How long one call to it may take.'),
  })
  .superRefine(({ clientSecret, privateKey, algorithm }, context) => {
    if (clientSecret && privateKey)
      context.addIssue({ code: 'custom', message: 'expected one of clientSecret, privateKey' });
    if (privateKey && !fits(privateKey, algorithm)) {
      const message = `expected a private key as PEM, without a passphrase, for ${algorithm}`;
      context.addIssue({ code: 'custom', path: ['privateKey'], message });
    }
  });
export type SignInSettings = z.output<typeof signInSettings>;

/** RFC 7518 section 3.3 wants 2048 bits of an RSA key. */
const MIN_RSA_BITS = 2048;

function fits(privateKey: Secret, algorithm: SignInSettings['algorithm']): boolean {
  try {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details = {} } = createPrivateKey(
      privateKey.reveal(),
    );
    if (algorithm === 'EdDSA') return type === 'ed25519';
    if (algorithm === 'ES256') return type === 'ec' && details.namedCurve === 'prime256v1';
    return type === 'rsa' && (details.modulusLength ?? 0) >= MIN_RSA_BITS;
  } catch {
    return false;
  }
}

interface SigningIn {
  readonly kind: string;
  readonly signIn?: SignInSettings | undefined;
}

/** What only a target's settings together show to be wrong; paths begin with its index. */
export function wrongSignIn(
  targets: readonly SigningIn[],
): { readonly path: PropertyKey[]; readonly message: string }[] {
  return targets.flatMap(({ kind, signIn }, index) => {
    const message = signIn && wrongIssuer(kind, signIn.issuer);
    return message === undefined ? [] : [{ path: [index, 'signIn', 'issuer'], message }];
  });
}

function wrongIssuer(kind: string, issuer: string | undefined): string | undefined {
  if (kind === 'hub') return issuer === undefined ? undefined : 'a hub has none: its address is hub.url';
  if (issuer === undefined) return `a target of kind ${kind} needs its issuer for people to sign in there`;
  const url = new URL(issuer);
  // OpenID Connect Discovery 1.0 section 2.
  if (url.search) return 'expected an issuer without a query';
  return url.protocol === 'https:' || isLoopback(url) ? undefined : 'expected https, except on loopback';
}

/** By its address alone: what a name leads to changes. `localhost` never does (RFC 6761 section 6.3). */
export const isLoopback = ({ hostname }: URL): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || (isIP(hostname) === 4 && hostname.startsWith('127.'));
