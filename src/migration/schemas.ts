/** The shapes of the migration API: they check requests and generate its description. */
import { z } from 'zod';
import { STATES } from './states.ts';

// PostgreSQL stores no NUL, and no other control character belongs into a name.
const CONTROL = /[\u0000-\u001f\u007f]/;
const text = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine((value) => !CONTROL.test(value) && value.isWellFormed(), {
      error: 'expected text without control characters',
    });

export const subject = text(255).describe('The user’s `sub`.');
export const login = text(320).describe('What the person types to log in.');

export const secretsRequest = z.strictObject({
  ticket: text(2_048)
    .exactOptional()
    .describe(
      'The ticket from the ID token or userinfo of the user’s login; nothing is released without one.',
    ),
  formats: z
    .array(text(64))
    .min(1)
    .max(20)
    .exactOptional()
    .describe('Hash formats to choose from, by name; by default all that the target reads.'),
});
export type SecretsRequest = z.output<typeof secretsRequest>;

const refusal = z.object({
  reason: z.string().describe('A stable code.'),
  sentence: z.string(),
});

const profile = z
  .record(z.string(), z.unknown())
  .describe('OpenID Connect claims (Core 1.0 section 5.1) and those of the mapping.');
const missing = z.array(z.string()).describe('Claims the target needs and this user does not have.');
const groups = z.array(z.string()).optional().describe('Groups, where the mapping tells them from roles.');
const metadata = z
  .record(z.string(), z.unknown())
  .optional()
  .describe('What the mapping sends along besides; JSON values by name.');
const state = z.enum(STATES).describe('Where the user stands on the way to this target.');

const totpSeed = z.union([
  z.object({
    secret: z.string().describe('Base 32 (RFC 4648), no padding.'),
    algorithm: z.enum(['SHA1', 'SHA256', 'SHA512']),
    digits: z.int(),
    periodSeconds: z.int(),
  }),
  refusal,
]);

const passkey = z.object({
  credentialId: z.string().describe('base64url'),
  publicKey: z.string().describe('A COSE_Key (RFC 9052 section 7), base64url.'),
  signCount: z.int().describe('The signature counter as the legacy system or we saw it last.'),
  transports: z.array(z.string()),
  rpId: z
    .string()
    .optional()
    .describe('The domain it was made for. It works at a target inside this domain and nowhere else.'),
  userHandle: z.string().optional().describe('base64url; what a discoverable credential gives back.'),
});

const recoveryCode = z.union([
  z.object({ code: z.string() }),
  z.object({
    format: z.string().describe('The hash format, by name.'),
    recipe: z.string().optional().describe('How the hash comes about, where it has no name.'),
    columns: z.record(z.string(), z.unknown()).describe('As stored.'),
  }),
]);

const identityProviderLink = z.object({
  provider: z.string().describe('As the legacy system calls it.'),
  userId: z.string().describe('The person’s id there.'),
  username: z.string().optional(),
});

export const secretsAnswer = z.object({
  sub: subject,
  state,
  profile,
  missing,
  roles: z.array(z.string()),
  groups,
  metadata,
  password: z
    .union([
      z.object({
        format: z.string(),
        encoded: z
          .union([z.string(), z.record(z.string(), z.unknown())])
          .describe('To be imported as it is.'),
        caveat: z.string().optional().describe('A stable code: under what condition it verifies.'),
        caveats: z.array(z.string()).readonly().optional().describe('All of them.'),
      }),
      refusal,
    ])
    .describe('The password’s hash, or why the target cannot have it.'),
  totp: totpSeed
    .optional()
    .describe('The one-time password seed, or why the target cannot have it; absent when the user has none.'),
  furtherTotp: z.array(totpSeed).optional().describe('Seeds of further devices.'),
  passkeys: z.array(passkey).optional().describe('WebAuthn credentials; absent when the user has none.'),
  recoveryCodes: z
    .array(recoveryCode)
    .optional()
    .describe('Codes that were not used yet: as their owner knows them, or hashed as they are stored.'),
  identityProviderLinks: z
    .array(identityProviderLink)
    .optional()
    .describe('Accounts elsewhere that the person logged in with at the legacy system.'),
  links: z
    .array(z.object({ provider: z.string(), subject: z.string(), userName: z.string() }))
    .describe('The link to make at the target, so that logins through us find this user.'),
});
export type SecretsAnswer = z.output<typeof secretsAnswer>;

export const stateRequest = z.strictObject({
  state: z
    .enum(['created', 'migrated'])
    .describe('`created`: exists and is linked. `migrated`: nothing is missing.'),
  targetUserId: z
    .string()
    .regex(/^[\x21-\x7e]{1,200}$/)
    .exactOptional()
    .describe('The user’s id at the target; needed unless it was given before.'),
  imported: z
    .array(z.enum(['password', 'totp', 'passkeys', 'links']))
    .max(4)
    .exactOptional()
    .describe(
      'What the target has stored. `migrated` is refused for a user with a second factor (TOTP, passkeys) unless one of theirs is named here.',
    ),
  sub: subject
    .exactOptional()
    .describe('The same user again; signed calls need it, because a signature covers only the body.'),
});
export type StateRequest = z.output<typeof stateRequest>;

export const stateAnswer = z.object({ sub: subject, state, targetUserId: z.string().optional() });
export type StateAnswer = z.output<typeof stateAnswer>;

export const profileAnswer = z.object({
  sub: subject,
  userState: z.enum(['active', 'disabled', 'locked']).describe('In the legacy store.'),
  profile,
  missing,
  roles: z.array(z.string()),
  groups,
  metadata,
  state,
  targetUserId: z.string().optional(),
  provedAt: z.iso.datetime().optional().describe('The last password proof at our login page.'),
});
export type ProfileAnswer = z.output<typeof profileAnswer>;
