/** Settings of how `target setup` sets us up at a target. */
import { z } from 'zod';
import { httpUrl } from '../settings.ts';

export const setupSettings = z.strictObject({
  scope: z
    .enum(['instance', 'organization'])
    .default('instance')
    .describe(
      'Where we become an identity provider: for everybody there, or for the organization of users.organization.',
    ),
  name: z
    .string()
    .min(1)
    .max(200)
    .default('Existing account')
    .describe('What the target’s login page calls us.'),
  payload: z
    .enum(['json', 'jwt', 'jwe'])
    .default('json')
    .describe(
      'How the target sends what it calls our hooks with: readable and signed, as a JWT, or encrypted to a key of ours besides. Not every release knows the last two.',
    ),
  loginVersions: z
    .array(z.enum(['v1', 'v2']))
    .min(1)
    .default(['v2'])
    .describe('Which of its logins are in use; v1 needs scripts at the target.'),
  allowLinking: z
    .boolean()
    .default(false)
    .describe('People who can log in on both sides may link the two themselves; otherwise only we link.'),
  hooks: z
    .array(z.string().min(1).max(64))
    .exactOptional()
    .describe('Which of our hooks it calls; what the settings under move need, when absent.'),
  jwtIdentityProvider: z
    .strictObject({
      name: z.string().min(1).max(200).default('Existing session').describe('What the login page calls it.'),
      issuer: httpUrl
        .exactOptional()
        .describe(
          'The `iss` of the tokens: one that nothing else is issued under. That of our own hand-over when absent.',
        ),
      endpoint: httpUrl
        .exactOptional()
        .describe('Where the target sends the browser for a token; our own when absent.'),
      keysEndpoint: httpUrl
        .exactOptional()
        .describe('The key set that the tokens are checked with; our own when absent.'),
      headerName: z
        .string()
        .regex(/^[A-Za-z0-9-]{1,200}$/)
        .default('x-footbridge-jwt')
        .describe('The header that carries the token to the target, as in `provider.jwtIdp`.'),
    })
    .exactOptional()
    .describe('A second provider, for legacy systems that only have a token.'),
});
export type SetupSettings = z.output<typeof setupSettings>;
