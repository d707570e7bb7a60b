/** As Keycloak reads a `CredentialRepresentation`: two JSON texts in one document. */
import { z } from 'zod';
import { base64, integer } from '../encoding.ts';
import type { ParsedHash } from '../hash.ts';
import { hashOf } from '../hash.ts';
import { parsePbkdf2 } from '../phc-strings.ts';
import type { DocumentReader } from '../read-back.ts';
import type { Refusal } from '../reasons.ts';
import { refuse } from '../reasons.ts';

const json = <T extends z.ZodType>(schema: T) =>
  z
    .string()
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text);
      } catch {
        context.addIssue({ code: 'custom', message: 'not JSON' });
        return z.NEVER;
      }
    })
    .pipe(schema);

const one = z.tuple([z.string()]);
const credential = z.strictObject({
  type: z.literal('password'),
  secretData: json(
    z.strictObject({ value: z.string(), salt: z.string(), additionalParameters: z.strictObject({}) }),
  ),
  credentialData: json(
    z.strictObject({
      hashIterations: z.int(),
      algorithm: z.enum(['pbkdf2', 'pbkdf2-sha256', 'pbkdf2-sha512', 'argon2']),
      additionalParameters: z.strictObject({
        hashLength: one.optional(),
        memory: one.optional(),
        type: z.tuple([z.enum(['id', 'i', 'd'])]).optional(),
        version: z.tuple([z.enum(['1.0', '1.3'])]).optional(),
        parallelism: one.optional(),
      }),
    }),
  ),
});

function readPbkdf2(document: unknown): ParsedHash | Refusal {
  const read = credential.safeParse(document);
  if (!read.success || read.data.credentialData.algorithm === 'argon2') return refuse('malformed');
  const { credentialData, secretData } = read.data;
  const { algorithm, hashIterations } = credentialData;
  const parts = { salt: base64(secretData.salt), digest: base64(secretData.value) };
  return parsePbkdf2(algorithm === 'pbkdf2' ? 'sha1' : algorithm, hashIterations, parts);
}

function readArgon2(document: unknown): ParsedHash | Refusal {
  const read = credential.safeParse(document);
  if (!read.success || read.data.credentialData.algorithm !== 'argon2') return refuse('malformed');
  const { credentialData, secretData } = read.data;
  const { hashLength, memory, type, version, parallelism } = credentialData.additionalParameters;
  if (!type || !version) return refuse('malformed');
  return hashOf(
    'argon2',
    {
      variant: type[0],
      version: version[0] === '1.3' ? 0x13 : 0x10,
      memoryKib: integer(memory?.[0]),
      passes: credentialData.hashIterations,
      lanes: integer(parallelism?.[0]),
    },
    { salt: base64(secretData.salt), digest: base64(secretData.value, integer(hashLength?.[0])) },
  );
}

export const keycloakReaders = {
  'pbkdf2-keycloak': readPbkdf2,
  'argon2-keycloak': readArgon2,
} satisfies Record<string, DocumentReader>;
