import type { Accepted } from '../accepted-format.ts';
import { DIGEST_BYTES } from '../algorithm.ts';
import { toAdaptedBase64, unpaddedBase64 } from '../encoding.ts';
import type { HashOf, ParsedHash } from '../hash.ts';
import type { Writer, Written } from '../written.ts';
import { bounded, textOf, within, withKey } from '../written.ts';

type Pbkdf2 = 'pbkdf2-passlib' | 'pbkdf2-kratos' | 'pbkdf2-keycloak' | 'pbkdf2-auth0';

function passlibString({ parameters, salt, digest: key }: HashOf<'pbkdf2'>, accepted: Accepted<Pbkdf2>) {
  const { digest, iterations } = parameters;
  const id = digest === 'sha1' ? 'pbkdf2' : `pbkdf2-${digest}`;
  const start = `$${id}$${iterations}$${toAdaptedBase64(salt)}$`;
  return withKey(key, DIGEST_BYTES[digest], accepted, (kept) => start + toAdaptedBase64(kept));
}

function phcString({ parameters, salt, digest: key }: HashOf<'pbkdf2'>, accepted: Accepted<Pbkdf2>) {
  const { digest, iterations } = parameters;
  const start = `$pbkdf2-${digest}$i=${iterations}`;
  const written = (kept: Uint8Array) =>
    `${start},l=${kept.length}$${unpaddedBase64(salt)}$${unpaddedBase64(kept)}`;
  return withKey(key, DIGEST_BYTES[digest], accepted, written);
}

/** Keycloak's `CredentialRepresentation`, whose two halves are JSON texts; its `pbkdf2` has SHA-1. */
function keycloakCredential({ parameters, salt, digest: key }: HashOf<'pbkdf2'>): object {
  const { digest, iterations } = parameters;
  const algorithm = digest === 'sha1' ? 'pbkdf2' : `pbkdf2-${digest}`;
  const [value, saltValue] = [key, salt].map((bytes) => Buffer.from(bytes).toString('base64'));
  return {
    type: 'password',
    credentialData: JSON.stringify({ hashIterations: iterations, algorithm, additionalParameters: {} }),
    secretData: JSON.stringify({ value, salt: saltValue, additionalParameters: {} }),
  };
}

function written(
  hash: ParsedHash,
  accepted: Accepted<Pbkdf2>,
  write: (hash: HashOf<'pbkdf2'>, accepted: Accepted<Pbkdf2>) => string | object,
): Written {
  if (hash.algorithm !== 'pbkdf2' || !accepted.digests.includes(hash.parameters.digest)) return undefined;
  return bounded(within(hash.parameters.iterations, accepted.iterations), write(hash, accepted), accepted);
}

export const pbkdf2Writers = {
  'pbkdf2-passlib': (hash, accepted) => written(hash, accepted, passlibString),
  'pbkdf2-kratos': (hash, accepted) => written(hash, accepted, phcString),
  'pbkdf2-keycloak': (hash, accepted) => written(hash, accepted, keycloakCredential),
  'pbkdf2-auth0': (hash, accepted) =>
    written(hash, accepted, (pbkdf2) => ({
      custom_password_hash: {
        algorithm: 'pbkdf2',
        hash: { value: phcString(pbkdf2, accepted), encoding: 'utf8' },
      },
    })),
  'pbkdf2-cidaas'(hash, accepted) {
    if (hash.algorithm !== 'pbkdf2') return undefined;
    const { digest, iterations } = hash.parameters;
    if (digest !== accepted.digest) return { reason: 'target_unclear' };
    const salt = textOf(hash.salt);
    if (salt === undefined) return { reason: 'salt_not_representable' };
    const hData = { salt, iterations, keylen: hash.digest.length };
    const passwordHash = Buffer.from(hash.digest).toString('hex');
    const encoded = { algorithmTypeId: 'PBKDF2', passwordHash, hData };
    return bounded(within(iterations, accepted.iterations), encoded, accepted);
  },
} satisfies { [W in Pbkdf2 | 'pbkdf2-cidaas']: Writer<W> };
