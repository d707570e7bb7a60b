/** Layouts that are no text with separators: ASP.NET Identity's bytes, Keycloak's documents, a directory's salted digests. */
import { randomBytes } from 'node:crypto';
import type { AcceptedFormat } from './accepted-format.ts';
import type { DigestName } from './algorithm.ts';
import { ANY_ARGON2 } from './store-hash-crypt.ts';
import { bytes16, pbkdf2 } from './store-hash-derived.ts';
import { fixedPbkdf2, freshArgon2, freshPbkdf2, freshSalted } from './store-hash-fresh.ts';
import type { Layout } from './store-hash-layout.ts';
import { ANY, asWritten } from './store-hash-layout.ts';
import { LAYOUT_NAMES as NAMES } from './store-hash-names.ts';

const PRFS = ['sha1', 'sha256', 'sha512'] as const;

/** See formats/aspnet.ts: the marker is a byte, three of which say nothing in base64 but `AQ`. */
export const aspnetV3 = (['sha512', 'sha256', 'sha1'] as const).map((digest) =>
  pbkdf2(
    digest,
    {
      name: `Identity v3, ${digest}`,
      // 0x01, then the number of the digest in four bytes.
      mark: new RegExp(`^AQAAAA${['A', 'E', 'I'][PRFS.indexOf(digest)]}`),
      shape: () => ({ salt: randomBytes(16), keyBytes: 32 }),
      text({ parameters }, salt, key) {
        const header = Buffer.alloc(13);
        header.writeUInt8(1, 0);
        header.writeUInt32BE(PRFS.indexOf(digest), 1);
        header.writeUInt32BE(parameters.iterations, 5);
        header.writeUInt32BE(salt.length, 9);
        return Buffer.concat([header, salt, key]).toString('base64');
      },
    },
    { hint: NAMES[digest] },
  ),
);

export const aspnetV2: Layout = {
  name: 'Identity v2',
  mark: /^A[A-Za-z0-9+/]{65}==$/,
  fresh: () => fixedPbkdf2('sha1', 1000, { salt: randomBytes(16), keyBytes: 32 }),
  write: (hash) =>
    hash.algorithm === 'pbkdf2'
      ? Buffer.concat([Buffer.of(0), hash.salt, hash.digest]).toString('base64')
      : undefined,
};

/** One JSON text of Keycloak's two: the statement that writes it takes them apart. */
function keycloak(name: string, accepted: AcceptedFormat, fresh: Layout['fresh'], hint: RegExp): Layout {
  return {
    name: `Keycloak, ${name}`,
    mark: /$^/,
    owns: (kept) => asWritten(kept, accepted) !== undefined,
    formats: NAMES.keycloak,
    hint,
    fresh,
    write(hash) {
      const text = asWritten(hash, accepted);
      if (text === undefined) return undefined;
      const { secretData, credentialData } = JSON.parse(text);
      return JSON.stringify({ secretData, credentialData });
    },
    columns(text) {
      const { secretData, credentialData } = JSON.parse(text);
      return { secret_data: secretData, credential_data: credentialData };
    },
  };
}

export const keycloakDocuments = [
  keycloak('argon2', { write: 'argon2-keycloak', ...ANY_ARGON2 }, (kept) => freshArgon2(kept), NAMES.argon2),
  ...(['sha512', 'sha256', 'sha1'] as const).map((digest) =>
    keycloak(
      digest,
      { write: 'pbkdf2-keycloak', digests: [digest], iterations: ANY },
      (kept) => freshPbkdf2(kept, digest, bytes16()),
      digest === 'sha1' ? /pbkdf2(?:-sha1)?$/ : NAMES[digest],
    ),
  ),
];

/** `{SSHA}` and its kin: the salt stands behind the digest. */
export const salted = (
  [
    ['SSHA', 'sha1', /$^/],
    ['SSHA256', 'sha256', NAMES.sha256],
    ['SSHA384', 'sha384', /sha384/],
    ['SSHA512', 'sha512', NAMES.sha512],
  ] as const
).map(
  ([scheme, digest, hint]): Layout => ({
    name: `{${scheme}}`,
    mark: new RegExp(`^\\{${scheme}\\}`, 'i'),
    formats: NAMES.ldap,
    hint,
    fresh: () => freshSalted(digest as DigestName),
    write: (hash) =>
      hash.algorithm === 'digest'
        ? `{${scheme}}${Buffer.concat([hash.digest, hash.salt]).toString('base64')}`
        : undefined,
  }),
);
