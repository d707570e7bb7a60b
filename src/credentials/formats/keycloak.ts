/** Keycloak's credential: two JSON documents, `secret_data` and `credential_data` (camel case in exports). */
import { z } from 'zod';
import { decoded, fieldsOf } from '../columns.ts';
import { base64, integer } from '../encoding.ts';
import type { Format } from '../format.ts';
import type { ParsedHash } from '../hash.ts';
import { hashOf } from '../hash.ts';
import { parsePbkdf2 } from '../phc-strings.ts';
import type { Refusal } from '../reasons.ts';
import { refuse } from '../reasons.ts';
import type { Source } from '../source.ts';

const secretData = z.object({ value: z.string(), salt: z.string() });
const credentialData = z.object({
  hashIterations: z.int(),
  algorithm: z.string(),
  additionalParameters: z.record(z.string(), z.array(z.string())).optional(),
});

/** A JSON column arrives as text or, from jsonb, parsed. */
function documentOf(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}

const VERSIONS = new Map(Object.entries({ '1.3': 0x13, '1.0': 0x10 }));

/** Before Keycloak 8: `value`, `salt` (binary), `hash_iterations` and `algorithm` in columns; exports in camel case. */
function parseOld(source: Source): ParsedHash | Refusal {
  const fields = fieldsOf(source);
  const value = fields('hashedSaltedValue', 'value');
  if (value === undefined) return refuse('no_hash');
  const { salt: binary } = source.columns;
  const salt = binary instanceof Uint8Array ? Buffer.from(binary) : decoded(fields('salt'));
  const algorithm = fields('algorithm') ?? 'pbkdf2';
  const parts = { salt, digest: base64(value) };
  return parsePbkdf2(algorithm === 'pbkdf2' ? 'sha1' : algorithm, integer(fields('hashIterations')), parts);
}

function parse(source: Source): ParsedHash | Refusal {
  const { columns } = source;
  if (!('secret_data' in columns) && !('secretData' in columns)) return parseOld(source);
  const secretColumn = columns.secret_data ?? columns.secretData;
  if (secretColumn === undefined || secretColumn === null) return refuse('no_hash');
  const secret = secretData.safeParse(documentOf(secretColumn));
  const credential = credentialData.safeParse(documentOf(columns.credential_data ?? columns.credentialData));
  if (!secret.success || !credential.success) return refuse('malformed');
  const { hashIterations, algorithm, additionalParameters = {} } = credential.data;
  const parts = { salt: base64(secret.data.salt), digest: base64(secret.data.value) };
  if (algorithm !== 'argon2') {
    return parsePbkdf2(algorithm === 'pbkdf2' ? 'sha1' : algorithm, hashIterations, parts);
  }
  const { type, version, memory, parallelism } = additionalParameters;
  const variant = type?.[0];
  if (variant !== 'id' && variant !== 'i' && variant !== 'd') return refuse('malformed');
  return hashOf(
    'argon2',
    {
      variant,
      version: VERSIONS.get(version?.[0] ?? '1.3') ?? Number.NaN,
      memoryKib: integer(memory?.[0]),
      passes: hashIterations,
      lanes: integer(parallelism?.[0]),
    },
    parts,
  );
}

const NAMES = ['argon2', 'pbkdf2', 'pbkdf2-sha1', 'pbkdf2-sha256', 'pbkdf2-sha512', 'legacy'];

export const keycloakFormats: readonly Format[] = [
  {
    name: 'keycloak',
    recognises: ({ columns }) =>
      ('secret_data' in columns && 'credential_data' in columns) ||
      ('secretData' in columns && 'credentialData' in columns),
    parse,
  },
  ...NAMES.map((name) => ({ name: `keycloak-${name}`, parse })),
];
