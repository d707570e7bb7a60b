/** What stands beside the password: second factors, and accounts elsewhere. Part of the mapping, data as all of it. */
import { z } from 'zod';
import { secret } from '../settings.ts';
import { column, field, fieldObject, proof } from './field-settings.ts';
import { formatName } from './format-name.ts';
import { checkRecipe, recipe } from './recipe-settings.ts';

/** Where a list of things stands: in related rows, in a JSON list, or once in the user's own row. */
export const rows = {
  from: column.optional().describe('The related rows that hold them, one each.'),
  each: field.optional().describe('A JSON list instead; the fields name what its members hold.'),
  when: proof.optional().describe('Which of the rows count.'),
};
export const hasOnePlace = ({ from, each }: { from?: unknown; each?: unknown }) =>
  from === undefined || each === undefined;
export const onePlace = { error: 'expected `from` or `each`, not both' };

const key = z
  .union([secret.transform((one) => [one]), z.array(secret).min(1).max(10)])
  .describe('The key; several where keys were rotated, and the first that opens counts.');

const encryption = z
  .discriminatedUnion('scheme', [
    z.strictObject({
      scheme: z
        .literal('attr_encrypted')
        .describe(
          'Ruby’s attr_encrypted with a salt per attribute (devise-two-factor up to 4): AES-256-GCM.',
        ),
      key: key.describe('otp_secret_encryption_key of the application.'),
      iv: field.describe('The column with the initialisation vector.'),
      salt: field.describe('The column with the salt.'),
    }),
    z.strictObject({
      scheme: z
        .literal('rails')
        .describe(
          'Active Record Encryption of Rails 7 and later (devise-two-factor from 5 on): AES-256-GCM.',
        ),
      key: key.describe('active_record_encryption.primary_key, or deterministic_key where it was used.'),
      salt: secret.describe('active_record_encryption.key_derivation_salt.'),
      digest: z
        .enum(['SHA1', 'SHA256'])
        .default('SHA256')
        .describe('hash_digest_class; Rails 7.0 and applications that keep its defaults have SHA1.'),
    }),
    z.strictObject({
      scheme: z
        .literal('laravel')
        .describe('Laravel’s Crypt, also of serialised values: AES-CBC or AES-GCM.'),
      key: key.describe('APP_KEY as it stands in .env, `base64:` included.'),
    }),
    z.strictObject({
      scheme: z.literal('fernet').describe('Fernet tokens, as Python’s cryptography makes them.'),
      key: key.describe('The Fernet key; with a derivation, what it is derived from.'),
      derivation: z
        .enum(['none', 'django-fernet-fields'])
        .default('none')
        .describe('How the key is made: django-fernet-fields derives it from SECRET_KEY by HKDF.'),
    }),
  ])
  .describe('How the framework encrypts the column.');
export type Encryption = z.output<typeof encryption>;

const TOTP_ENCODINGS = ['base32', 'hex', 'base64', 'raw', 'otpauth'] as const;

export const totp = z
  .strictObject({
    secret: field.describe('The shared secret.'),
    encoding: z
      .union([z.enum(TOTP_ENCODINGS), fieldObject])
      .default('base32')
      .describe(
        'How the secret is written, or the field that says so. `raw`: its bytes are the key, as in Keycloak. `otpauth`: the URL that stood in the QR code; what it says of digits, period and algorithm goes first.',
      ),
    digits: z
      .union([z.literal(6), z.literal(8), field])
      .default(6)
      .describe('Length of a code, or the column with it.'),
    periodSeconds: z
      .union([z.int().min(15).max(300), field])
      .default(30)
      .describe('Seconds per code, or the column with them.'),
    algorithm: z
      .union([z.enum(['SHA1', 'SHA256', 'SHA512']), fieldObject])
      .default('SHA1')
      .describe('The HMAC, or the field with it.'),
    from: column.optional().describe('The related rows that hold second factors; every device counts.'),
    each: rows.each,
    when: proof
      .optional()
      .describe('Who has a second factor. Somebody who has but whose secret cannot be read is refused.'),
    encryption: encryption.optional(),
  })
  .refine(hasOnePlace, onePlace)
  .describe('Time-based one-time passwords (RFC 6238).');
export type TotpMapping = z.output<typeof totp>;
export type TotpEncoding = (typeof TOTP_ENCODINGS)[number];

export const passkeys = z
  .strictObject({
    ...rows,
    credentialId: field.describe('The credential’s id.'),
    publicKey: field.describe(
      'The public key: a COSE key, SPKI in DER or PEM, a JWK, or the bare point of P-256.',
    ),
    encoding: z
      .enum(['base64', 'hex'])
      .default('base64')
      .describe(
        'How id and key are written where they are text, in either alphabet of base 64. Bytes are taken as they are.',
      ),
    signCount: field.optional().describe('The signature counter; 0 where there is none.'),
    transports: field.optional().describe('Ways to reach the authenticator: a list, JSON, or words.'),
    userHandle: field.optional().describe('The user handle.'),
    userHandleEncoding: z
      .enum(['base64', 'hex', 'text'])
      .default('base64')
      .describe('How the user handle is written; `text`: its UTF-8 bytes are the handle.'),
    rpId: field
      .optional()
      .describe('The domain the credentials were made for. A constant is written `{ value: example.com }`.'),
    secondFactor: proof
      .default(true)
      .describe(
        'Whose passkeys are asked for after the password. The others’ are only carried to the target.',
      ),
  })
  .refine(hasOnePlace, onePlace)
  .describe(
    'WebAuthn credentials. They work on our login page only where its host lies inside the domain they were made for: `login.passkeys.rpId`.',
  );
export type PasskeyMapping = z.output<typeof passkeys>;

export const recoveryCodes = z
  .strictObject({
    ...rows,
    codes: field.describe('One code or several; JSON lists and lists serialised by PHP are taken apart.'),
    format: formatName
      .optional()
      .describe('The format of hashed codes, by the names passwords have. Absent: the codes are readable.'),
    recipe: recipe.optional(),
    settings: z
      .record(z.string(), secret)
      .optional()
      .describe('Site-wide values that the format needs, such as a pepper.'),
    encryption: encryption.optional(),
  })
  .refine(hasOnePlace, onePlace)
  // What the store holds of a code is all there is: a recipe compares it with what comes out.
  .superRefine(({ format, recipe, settings }, context) => {
    if (format !== undefined || recipe !== undefined)
      checkRecipe({ format, recipe, settings, columns: { hash: true } }, context);
  })
  .describe(
    'Codes that open the second factor once each. Used ones are remembered by us: the store is only read.',
  );
export type RecoveryCodeMapping = z.output<typeof recoveryCodes>;

export const identityProviderLink = z
  .strictObject({
    ...rows,
    provider: field.describe('The name of the provider. A constant is written `{ value: google }`.'),
    userId: field.describe('The person’s id there.'),
    username: field.optional().describe('What the person is called there.'),
  })
  .refine(hasOnePlace, onePlace);
export type LinkMapping = z.output<typeof identityProviderLink>;
