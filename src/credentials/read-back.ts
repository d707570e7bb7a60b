/**
 * Reads what was written for a target, as the target does: the proof that the very bytes that leave us open with the
 * password. It shares no line with the writers.
 */
import type { AcceptedFormat, WriteName } from './accepted-format.ts';
import type { ParsedHash } from './hash.ts';
import { auth0Reader } from './readers/auth0.ts';
import { cidaasReaders } from './readers/cidaas.ts';
import { keycloakReaders } from './readers/keycloak.ts';
import { kratosReaders, readPbkdf2 } from './readers/kratos.ts';
import { passwapReaders, readArgon2 } from './readers/passwap.ts';
import type { Refusal } from './reasons.ts';
import { refuse } from './reasons.ts';

/** A string that a target imports. */
export type TextReader = (text: string) => ParsedHash | Refusal;
/** A document that a target imports; what it leaves unsaid stands in the accepted format. */
export type DocumentReader = (document: unknown, accepted: AcceptedFormat) => ParsedHash | Refusal;

function texts<N extends string>(readers: Readonly<Record<N, TextReader>>): Record<N, DocumentReader> {
  const entries = Object.entries<TextReader>(readers).map(([name, read]) => [
    name,
    (given: unknown) => (typeof given === 'string' ? read(given) : refuse('malformed')),
  ]);
  return Object.fromEntries(entries);
}

const auth0 = auth0Reader({ argon2: readArgon2, pbkdf2: readPbkdf2 });

/** Auth0's document names its algorithm itself: one that is not of the kind asked for is refused. */
function ofKind(algorithms: readonly ParsedHash['algorithm'][]): DocumentReader {
  return (document, accepted) => {
    const read = auth0(document, accepted);
    return 'algorithm' in read && !algorithms.includes(read.algorithm) ? refuse('malformed') : read;
  };
}

const READERS: Readonly<Record<WriteName, DocumentReader>> = {
  ...texts(passwapReaders),
  ...texts(kratosReaders),
  ...keycloakReaders,
  ...cidaasReaders(readArgon2),
  'bcrypt-auth0': ofKind(['bcrypt']),
  'argon2-auth0': ofKind(['argon2']),
  'pbkdf2-auth0': ofKind(['pbkdf2']),
  'scrypt-auth0': ofKind(['scrypt']),
  'digest-auth0': ofKind(['digest']),
  'hmac-auth0': ofKind(['hmac']),
};

/** `malformed` where the target could not read it, or would read something else. */
export function readBack(accepted: AcceptedFormat, encoded: string | object): ParsedHash | Refusal {
  return READERS[accepted.write](encoded, accepted);
}
