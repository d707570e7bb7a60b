/** Settings of the JWT hand-over: ZITADEL asks who is here, and we answer with a short-lived token. */
import { z } from 'zod';
import { count, httpOrigin, httpUrl, secret } from '../settings.ts';

/** RFC 9110 section 5.6.2. */
const tokenName = z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/, {
  error: 'expected a name of letters, digits and hyphens',
});
/** RFC 7518 section 3.2: as long as the hash. */
const SHARED_KEY_BYTES = 32;

const one = (...values: unknown[]) => values.filter((value) => value !== undefined).length === 1;

export const legacyTokenSettings = z
  .strictObject({
    cookie: tokenName.exactOptional().describe('The cookie it comes in, on a domain that we share.'),
    header: tokenName
      .exactOptional()
      .describe('The request header it comes in, set by a proxy in front of us.'),
    jwksUri: httpUrl.exactOptional().describe('Where its keys are.'),
    jwks: z
      .strictObject({ keys: z.array(z.record(z.string(), z.unknown())).min(1) })
      .exactOptional()
      .describe('Its public keys.'),
    key: secret
      .refine((value) => Buffer.byteLength(value.reveal()) >= SHARED_KEY_BYTES, {
        error: `a shared key has at least ${SHARED_KEY_BYTES} bytes`,
      })
      .exactOptional()
      .describe('The shared key it is signed with (HS256, HS384, HS512).'),
    issuer: z.string().min(1).describe('Its `iss`, exactly.'),
    audience: z.string().min(1).describe('Its `aud`: a token made for something else says nothing here.'),
    subjectClaim: z.string().min(1).default('sub').describe('The claim that names the person.'),
    identifies: z
      .enum(['login', 'subject'])
      .default('login')
      .describe('What that claim holds: what the person types to log in, or our `sub`.'),
  })
  .refine(({ cookie, header }) => one(cookie, header), { error: 'expected a cookie or a header' })
  .refine(({ jwksUri, jwks, key }) => one(jwksUri, jwks, key), {
    error: 'expected one of jwksUri, jwks, key',
  });
export type LegacyTokenSettings = z.output<typeof legacyTokenSettings>;

export const jwtIdpSettings = z.strictObject({
  target: z
    .string()
    .describe('The target, by name, that asks: a ZITADEL with `api`, whose origin gets the token.'),
  login: z
    .enum(['v1', 'v2'])
    .default('v1')
    .describe('The version of its login that asks: the token is brought to another address.'),
  headerName: tokenName
    .default('x-footbridge-jwt')
    .describe('The header that brings the token, as set at the identity provider there.'),
  lifetimeSeconds: count(30, 60, 45).describe(
    'How long a token is good. Nobody checks whether it is used twice.',
  ),
  redirectOrigins: z
    .array(httpOrigin)
    .max(10)
    .default([])
    .describe('Where its answer may send the browser besides its own origin: that of a login of its own.'),
  legacyToken: legacyTokenSettings
    .exactOptional()
    .describe('A token of the legacy system that says who is here; without it people log in to us.'),
});
export type JwtIdpSettings = z.output<typeof jwtIdpSettings>;
