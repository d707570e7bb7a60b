/** Settings of the operator's desk: who may do what, and how operators sign in at the console. */
import { z } from 'zod';
import type { Secret } from '../settings.ts';
import { count, httpOrigin, httpUrl, secret } from '../settings.ts';
import { ROLES } from './operation.ts';

const name = z
  .string()
  .regex(/^[\w.@+-]{1,80}$/, { error: 'expected up to 80 letters, digits and . @ + - _' });
const values = z.array(z.string().min(1).max(200)).max(100).default([]);

/** Who has two names could be their own second pair of eyes. */
function areTheirOwn(all: readonly { readonly name: string; readonly token: Secret }[]): boolean {
  const names = all.map(({ name }) => name.toLowerCase());
  const values = all.map(({ token }) => token.reveal());
  return !names.includes('api') && [names, values].every((some) => new Set(some).size === all.length);
}

const signIn = z
  .strictObject({
    issuer: httpUrl.describe(
      'The OpenID Provider that operators sign in at: a target, or the company’s own.',
    ),
    clientId: z.string().min(1).max(200).describe('Our client_id there.'),
    secret: secret
      .optional()
      .describe('Our client_secret there; without one the client is public, with PKCE.'),
    scopes: z
      .array(z.string().min(1).max(200))
      .default(['openid', 'profile', 'email'])
      .describe('What is asked for.'),
    roleClaim: z
      .string()
      .min(1)
      .max(200)
      .default('urn:zitadel:iam:org:project:roles')
      .describe('The claim that holds the roles: a list of texts, a text, or an object with a role per key.'),
    roles: z
      .strictObject({
        viewer: values.describe(
          'Values of the claim that make somebody a viewer: sees everything, changes nothing.',
        ),
        operator: values.describe('… an operator: runs what can be taken back.'),
        admin: values.describe('… an admin: everything, and approves what others ask for.'),
      })
      .prefault({}),
  })
  .describe('How operators sign in at the console (OpenID Connect, code flow with PKCE).');

/** Nothing slows down whoever guesses one: it has to be too long for that. */
const TOKEN_LENGTH = 16;
const apiToken = secret.refine((value) => value.reveal().length >= TOKEN_LENGTH, {
  error: `expected at least ${TOKEN_LENGTH} characters, as \`openssl rand -base64 32\` makes them`,
});

export const adminSettings = z.strictObject({
  token: apiToken
    .optional()
    .describe(
      'Opens the operator’s API (Authorization: Bearer) as `api`, an admin. Without tokens it is closed.',
    ),
  tokens: z
    .array(
      z.strictObject({
        name: name.describe('Names whoever uses it in the audit log.'),
        role: z.enum(ROLES).describe('What they may do.'),
        token: apiToken,
      }),
    )
    .max(100)
    .default([])
    .refine(areTheirOwn, {
      error: 'each token needs a name and a value of its own, and none is called api',
    })
    .describe('Further tokens of the API, each with a name and a role.'),
  fourEyes: z
    .boolean()
    .default(true)
    .describe(
      'Dangerous operations wait until somebody else has approved them (`approval grant`). Whoever has this file and our database could do them without us; the audit log would not tell of it.',
    ),
  console: z
    .strictObject({
      origin: httpOrigin
        .optional()
        .describe('Under which browsers reach the private listener; http://<host>:<port> when absent.'),
      sessionSeconds: count(300, 86_400, 8 * 3_600).describe('An operator’s session ends after so long.'),
      idleSeconds: count(60, 86_400, 1_800).describe('… or after so long without use.'),
      signIn: signIn.optional(),
    })
    .prefault({})
    .describe('The console, at /admin of the private listener.'),
});
export type AdminSettings = z.output<typeof adminSettings>;
