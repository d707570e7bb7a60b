/** Settings of the targets: who they are, what they read, and how much they may have. */
import { createPublicKey } from 'node:crypto';
import { z } from 'zod';
import type { AcceptedFormat } from '../credentials/accepted-format.ts';
import { count, httpUrl, secret } from '../settings.ts';
import { cidaasSettings } from './cidaas/cidaas-settings.ts';
import { hubSettings } from './hub/hub-settings.ts';
import { TARGET_KINDS } from './index.ts';
import { realmSettings, wrongRealm } from './keycloak/keycloak-settings.ts';
import { kratosSettings } from './kratos/kratos-settings.ts';
import { apiSettings, moveSettings, targetSessionSettings, userSettings } from './move-settings.ts';
import { setupSettings } from './setup-settings.ts';
import { signInSettings, wrongSignIn } from './sign-in-settings.ts';
import { webhookSettings, wrongWebhook } from './webhook-settings.ts';

const whole = z.int().min(0);
const bounds = z
  .tuple([whole, whole])
  .readonly()
  .refine(([min, max]) => min <= max, { error: 'expected the lower bound first' });

/** One variant per kind of hash, with its bounds as [lowest, highest]. */
const variant = <W extends AcceptedFormat['write'], S extends z.core.$ZodLooseShape>(write: W, shape: S) =>
  z.strictObject({ write: z.literal(write), ...shape, maxLength: z.int().min(1).exactOptional() });

const digest = z.enum(['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512']);
const digests = z.array(digest).min(1);
const bcrypt = { cost: bounds, maxPasswordBytes: z.int().min(1).exactOptional() };
const argon2 = {
  variants: z.array(z.enum(['id', 'i', 'd'])).min(1),
  memoryKiB: bounds,
  passes: bounds,
  lanes: bounds,
};
const pbkdf2 = { digests, iterations: bounds };
const scrypt = { log2N: bounds, blockSize: bounds, parallelism: bounds };

const acceptedFormat = z.discriminatedUnion('write', [
  variant('bcrypt', bcrypt),
  variant('bcrypt-auth0', bcrypt),
  variant('bcrypt-cidaas', bcrypt),
  variant('argon2', argon2),
  variant('argon2-keycloak', argon2),
  variant('argon2-auth0', argon2),
  variant('argon2-cidaas', argon2),
  variant('pbkdf2-passlib', pbkdf2),
  variant('pbkdf2-kratos', pbkdf2),
  variant('pbkdf2-keycloak', pbkdf2),
  variant('pbkdf2-auth0', pbkdf2),
  variant('pbkdf2-cidaas', { digest: digest.exactOptional(), iterations: bounds }),
  variant('scrypt-passwap', scrypt),
  variant('scrypt-kratos', scrypt),
  variant('scrypt-auth0', scrypt),
  variant('firebase-kratos', { log2N: bounds, blockSize: bounds }),
  variant('phpass', { log2Rounds: bounds }),
  variant('drupal7', { rounds: bounds }),
  variant('sha256crypt', { rounds: bounds }),
  variant('sha512crypt', { rounds: bounds }),
  variant('sha256crypt-kratos', { rounds: bounds }),
  variant('sha512crypt-kratos', { rounds: bounds }),
  variant('md5crypt', {}),
  variant('md5crypt-kratos', {}),
  variant('md5plain', {}),
  variant('md5salted-prefix', {}),
  variant('md5salted-suffix', {}),
  variant('digest-kratos', { digests }),
  variant('digest-auth0', { digests }),
  variant('digest-cidaas', { digests }),
  variant('hmac-kratos', { digests }),
  variant('hmac-auth0', { digests }),
  variant('hmac-cidaas', { digests }),
]) satisfies z.ZodType<AcceptedFormat>;

/** RFC 7518 section 4.3 wants 2048 bits of an RSA key. */
const MIN_RSA_BITS = 2048;

/** A public JWK to encrypt answers to: EC or X25519 (ECDH-ES), or RSA (RSA-OAEP-256). */
const encryptionKey = z
  .looseObject({ kty: z.enum(['EC', 'OKP', 'RSA']), kid: z.string().exactOptional() })
  .superRefine((jwk, context) => {
    const fail = (message: string) => context.addIssue({ code: 'custom', message });
    if ('d' in jwk) return fail('this is a private key: give its public half, without "d"');
    if (jwk.use !== undefined && jwk.use !== 'enc') return fail('this key is not for encryption ("use")');
    try {
      const { asymmetricKeyType, asymmetricKeyDetails } = createPublicKey({ key: jwk, format: 'jwk' });
      if (asymmetricKeyType === 'ed25519' || asymmetricKeyType === 'ed448')
        fail('an Ed25519 or Ed448 key only signs');
      if ((asymmetricKeyDetails?.modulusLength ?? MIN_RSA_BITS) < MIN_RSA_BITS)
        fail(`an RSA key has at least ${MIN_RSA_BITS} bits`);
    } catch {
      fail('expected a public key as JWK (RFC 7517)');
    }
  });

/** A key shared with somebody who signs calls to us. */
export const signingKey = z.strictObject({
  id: z
    .string()
    .regex(/^[\w.-]{1,64}$/)
    .describe('Names the key in audit records.'),
  key: secret
    .refine((value) => value.reveal().length >= 16, { error: 'a signing key has at least 16 characters' })
    .describe('The shared key; at ZITADEL the Action target’s signingKey.'),
});

export const oneTargetSettings = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/)
    .describe('Names the target in the ledger: it can never be changed.'),
  kind: z
    .enum(Object.keys(TARGET_KINDS) as [keyof typeof TARGET_KINDS])
    .describe('What kind of system it is.'),
  displayName: z.string().min(1).max(80).describe('Shown to people who have already moved.'),
  loginUrl: httpUrl.describe(
    'Where people who have already moved are sent; {login_hint} in it becomes what the target knows them by.',
  ),
  clientIds: z
    .array(z.string().min(1).max(128))
    .default([])
    .describe(
      'The OAuth clients that belong to it: logins to them give a ticket, and they may fetch with it.',
    ),
  hmacKeys: z
    .array(signingKey)
    .max(4)
    .default([])
    .describe('Keys of its signed calls; several while one is replaced.'),
  accepts: z
    .array(acceptedFormat)
    .min(1)
    .exactOptional()
    .describe('The hash formats it reads, first preferred; by default what its kind reads.'),
  encryption: encryptionKey
    .exactOptional()
    .describe('Its public key as JWK: secrets are then sent as JWE (RFC 7516) and only it can read them.'),
  volume: z
    .strictObject({
      perSecond: count(1, 1_000, 20).describe(
        'Requests for secrets per second and caller; three seconds’ worth may come at once.',
      ),
      perDay: count(1, 10_000_000, 10_000).describe(
        'Users whose secrets one caller may have per day (UTC): about 1.2 times the expected first logins.',
      ),
    })
    .prefault({})
    .describe('The fuse that stops a stolen credential.'),
  ticketSeconds: count(10, 300, 300).describe('How long after a login its ticket is good.'),
  api: apiSettings.exactOptional().describe('How we reach its API; without it the target only fetches.'),
  kratos: kratosSettings.exactOptional().describe('What only Ory Kratos and Ory Network need to know.'),
  keycloak: realmSettings.exactOptional().describe('What only Keycloak needs to know.'),
  cidaas: cidaasSettings.exactOptional().describe('What only cidaas needs to know.'),
  hub: hubSettings.exactOptional().describe('What only a hub of people and organizations needs to know.'),
  signIn: signInSettings
    .exactOptional()
    .describe('Ourselves as a client of the target: people prove there who they are (`claimTokens`).'),
  webhook: webhookSettings
    .exactOptional()
    .describe('How its calls to /webhooks/<target> prove themselves; without it there are none.'),
  users: userSettings.prefault({}).describe('What its users look like.'),
  move: moveSettings.prefault({}).describe('When people are moved, and how.'),
  sessions: targetSessionSettings
    .prefault({})
    .describe('How sessions there and here end together, for a target with `api`.'),
  setup: setupSettings.prefault({}).describe('How `target setup` sets us up there.'),
  rollbackWindowSeconds: count(0, 90 * 86_400, 0).describe(
    'How long after the move secrets may still be fetched, with a new ticket. 0: never.',
  ),
});
export type TargetSettings = z.output<typeof oneTargetSettings>;

export const targetSettings = z
  .array(oneTargetSettings)
  .default([])
  .superRefine((targets, context) => {
    for (const [index, { kind, api }] of targets.entries()) {
      if (kind !== 'zitadel' || !api?.clientCredentials) continue;
      const path = [index, 'api', 'clientCredentials'];
      context.addIssue({ code: 'custom', path, message: 'ZITADEL takes a token or a serviceUser' });
    }
    for (const [index, { kind, hub, signIn }] of targets.entries()) {
      if (kind !== 'hub') continue;
      const need = (key: PropertyKey[], message: string) =>
        context.addIssue({ code: 'custom', path: [index, ...key], message });
      if (!hub) need(['hub'], 'expected `hub`: where it is');
      if (signIn && !signIn.clientSecret) need(['signIn', 'clientSecret'], 'a hub takes a secret');
    }
    for (const { path, message } of [
      ...wrongSignIn(targets),
      ...wrongWebhook(targets),
      ...wrongRealm(targets),
    ])
      context.addIssue({ code: 'custom', path: [...path], message });
    const unique = (what: 'name' | 'clientIds', values: (target: TargetSettings) => readonly string[]) => {
      const seen = new Set<string>();
      for (const [index, target] of targets.entries()) {
        for (const value of values(target)) {
          if (seen.has(value))
            context.addIssue({ code: 'custom', path: [index, what], message: `${value} is already used` });
          seen.add(value);
        }
      }
    };
    unique('name', (target) => [target.name]);
    unique('clientIds', (target) => target.clientIds);
  })
  .describe('The new systems, each with its own ledger.');
