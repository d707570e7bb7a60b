/** Settings of the JWT hand-over: ZITADEL asks who is here, and we answer with a short-lived token. */
import { z } from 'zod';
import { count, httpOrigin } from '../settings.ts';

/** RFC 9110 section 5.6.2. */
const tokenName = z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/, {
  error: 'expected a name of letters, digits and hyphens',
});
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
});
export type JwtIdpSettings = z.output<typeof jwtIdpSettings>;
