/** What a target is told about one user, in the formats it reads. */

import { createHash } from 'node:crypto';
import type { JWK } from 'jose';
import { CompactEncrypt, importJWK } from 'jose';
import type { AcceptedFormat } from '../credentials/accepted-format.ts';
import type { Passwords, Translation } from '../credentials/passwords.ts';
import { isRefusal, refuse } from '../credentials/reasons.ts';
import { encodeBase32 } from '../credentials/totp.ts';
import type { Json } from '../store/audit-log.ts';
import type { Target } from '../targets/target.ts';
import { readsTotp } from '../targets/target.ts';
import type { LegacyEntry, StoredPassword, TotpSecret } from '../user.ts';
import { missingClaims, profileClaims, usernameOf } from './profile.ts';
import type { SecretsAnswer } from './schemas.ts';
import type { State } from './states.ts';

export interface AnswerDeps {
  readonly passwords: Pick<Passwords, 'translate'>;
  /** The provider's issuer, as the target knows it. */
  readonly issuer: string;
}

export interface AnswerInput {
  readonly entry: LegacyEntry;
  readonly target: Target;
  /** Names of formats to choose from; all that the target reads when absent. */
  readonly formats?: readonly string[] | undefined;
  readonly state: State;
}

export interface PreparedAnswer {
  readonly body: SecretsAnswer;
  /** What the audit record says of it: no secret, only a fingerprint. */
  readonly released: Readonly<Record<string, Json>>;
}

export function secretAnswer({ passwords, issuer }: AnswerDeps, input: AnswerInput): PreparedAnswer {
  const { entry, target, formats, state } = input;
  const { user, credentials } = entry;
  const accepts = formats ? target.accepts.filter(({ write }) => formats.includes(write)) : target.accepts;
  const password = translateFirst(passwords, credentials.passwords, accepts);
  const profile = profileClaims(user);
  const totp = credentials.totp && totpFor(target, credentials.totp);
  const body: SecretsAnswer = {
    sub: user.sub,
    state,
    profile,
    missing: missingClaims(profile, target),
    roles: [...user.roles],
    password: isRefusal(password) ? password : { ...password, encoded: password.encoded as string },
    ...(totp ? { totp } : {}),
    links: [{ provider: issuer, subject: user.sub, userName: usernameOf(user) }],
  };
  const totpReleased = totp !== undefined && !isRefusal(totp);
  return { body, released: { password: auditOf(password), totp: totpReleased } };
}

/** Any of several stored passwords opens the door, so any that the target reads will do. */
function translateFirst(
  passwords: AnswerDeps['passwords'],
  stored: readonly StoredPassword[],
  accepts: readonly AcceptedFormat[],
): Translation {
  let first: Translation | undefined;
  for (const candidate of stored) {
    const translation = passwords.translate(candidate, accepts);
    if (!isRefusal(translation)) return translation;
    first ??= translation;
  }
  return first ?? refuse('no_hash');
}

function auditOf(password: Translation): Json {
  if (isRefusal(password)) return { reason: password.reason };
  const { encoded, format } = password;
  const text = typeof encoded === 'string' ? encoded : JSON.stringify(encoded);
  return { format, sha256: createHash('sha256').update(text).digest('hex') };
}

function totpFor(target: Target, totp: TotpSecret): NonNullable<SecretsAnswer['totp']> {
  if (!readsTotp(target.totp, totp)) {
    return {
      reason: 'totp_not_supported',
      sentence: 'The target does not compute codes with this algorithm, number of digits or period.',
    };
  }
  const { secret, algorithm, digits, periodSeconds } = totp;
  return { secret: encodeBase32(secret), algorithm, digits, periodSeconds };
}

/** The answer as a JWE (RFC 7516) that only the target can open. */
export async function encryptAnswer(
  body: SecretsAnswer,
  key: NonNullable<Target['encryption']>,
): Promise<string> {
  const alg = key.kty === 'RSA' ? 'RSA-OAEP-256' : 'ECDH-ES';
  const header = { alg, enc: 'A256GCM', cty: 'json', ...(key.kid ? { kid: key.kid } : {}) };
  return new CompactEncrypt(Buffer.from(JSON.stringify(body)))
    .setProtectedHeader(header)
    .encrypt(await importJWK(key as JWK, alg));
}
