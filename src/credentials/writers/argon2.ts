import type { Accepted } from '../accepted-format.ts';
import { unpaddedBase64 } from '../encoding.ts';
import type { HashOf, ParsedHash } from '../hash.ts';
import type { Writer, Written } from '../written.ts';
import { bounded, within } from '../written.ts';

type Argon2 = 'argon2' | 'argon2-keycloak' | 'argon2-auth0' | 'argon2-cidaas';

const NEW = 0x13;
/** As Keycloak names them. Targets with strings read the new one only. */
const VERSIONS: Readonly<Record<number, string>> = { 16: '1.0', [NEW]: '1.3' };

function phcString({ parameters, salt, digest }: HashOf<'argon2'>): string {
  const { variant, memoryKib, passes, lanes } = parameters;
  const costs = `m=${memoryKib},t=${passes},p=${lanes}`;
  return `$argon2${variant}$v=${NEW}$${costs}$${unpaddedBase64(salt)}$${unpaddedBase64(digest)}`;
}

/** Keycloak's `CredentialRepresentation`, whose two halves are JSON texts. */
function keycloakCredential({ parameters, salt, digest }: HashOf<'argon2'>): object {
  const { variant, version, memoryKib, passes, lanes } = parameters;
  const additionalParameters = {
    hashLength: [String(digest.length)],
    memory: [String(memoryKib)],
    type: [variant],
    version: [VERSIONS[version]],
    parallelism: [String(lanes)],
  };
  const value = Buffer.from(digest).toString('base64');
  return {
    type: 'password',
    credentialData: JSON.stringify({ hashIterations: passes, algorithm: 'argon2', additionalParameters }),
    secretData: JSON.stringify({
      value,
      salt: Buffer.from(salt).toString('base64'),
      additionalParameters: {},
    }),
  };
}

const written = (
  hash: ParsedHash,
  accepted: Accepted<Argon2>,
  { versions = [NEW], write }: { versions?: number[]; write: (hash: HashOf<'argon2'>) => string | object },
): Written => {
  if (hash.algorithm !== 'argon2' || !accepted.variants.includes(hash.parameters.variant)) return undefined;
  const { version, memoryKib, passes, lanes } = hash.parameters;
  const isInBounds =
    versions.includes(version) &&
    within(memoryKib, accepted.memoryKiB) &&
    within(passes, accepted.passes) &&
    within(lanes, accepted.lanes);
  return bounded(isInBounds, write(hash), accepted);
};

export const argon2Writers = {
  argon2: (hash, accepted) => written(hash, accepted, { write: phcString }),
  'argon2-keycloak': (hash, accepted) =>
    written(hash, accepted, { versions: [NEW, 0x10], write: keycloakCredential }),
  'argon2-auth0': (hash, accepted) =>
    written(hash, accepted, {
      write: (argon2) => ({
        custom_password_hash: {
          algorithm: 'argon2',
          hash: { value: phcString(argon2), encoding: 'utf8' },
        },
      }),
    }),
  'argon2-cidaas': (hash, accepted) =>
    written(hash, accepted, {
      write: (argon2) => ({ algorithmTypeId: 'ARGON', passwordHash: phcString(argon2) }),
    }),
} satisfies { [W in Argon2]: Writer<W> };
