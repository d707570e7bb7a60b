/** What a target is told about one user, in the formats it reads. */

import type { JWK } from 'jose';
import { CompactEncrypt, importJWK } from 'jose';
import type { Passwords } from '../credentials/passwords.ts';
import { isRefusal } from '../credentials/reasons.ts';
import { encodeBase32 } from '../credentials/totp.ts';
import type { Json } from '../store/audit-log.ts';
import type { Target } from '../targets/target.ts';
import { readsTotp } from '../targets/target.ts';
import type { TotpSecret } from '../user.ts';
import { factorAnswer, factorCounts } from './factor-answer.ts';
import type { GivenInput } from './given-password.ts';
import { auditOf, passwordFor } from './given-password.ts';
import type { PasswordOutcome } from './ledger.ts';
import { missingClaims, profileClaims, usernameOf } from './profile.ts';
import type { SecretsAnswer } from './schemas.ts';
import type { State } from './states.ts';

export interface AnswerDeps {
  readonly passwords: Pick<Passwords, 'translate' | 'rehash' | 'identify'>;
  /** The provider's issuer, as the target knows it. */
  readonly issuer: string;
}

export interface AnswerInput extends GivenInput {
  readonly target: Target;
  /** Names of formats to choose from; all that the target reads when absent. */
  readonly formats?: readonly string[] | undefined;
  readonly state: State;
}

export interface PreparedAnswer {
  readonly body: SecretsAnswer;
  readonly password: PasswordOutcome;
  /** What the audit record says of it: no secret, only a fingerprint. */
  readonly released: Readonly<Record<string, Json>>;
}

export async function secretAnswer(
  { passwords, issuer }: AnswerDeps,
  input: AnswerInput,
): Promise<PreparedAnswer> {
  const { entry, target, formats, state } = input;
  const { user, credentials } = entry;
  const accepts = formats ? target.accepts.filter(({ write }) => formats.includes(write)) : target.accepts;
  const { password, outcome } = await passwordFor(passwords, accepts, input);
  const profile = profileClaims(user);
  const totp = credentials.totp && totpFor(target, credentials.totp);
  const furtherTotp = credentials.furtherTotp?.map((device) => totpFor(target, device));
  const factors = factorAnswer(passwords, entry);
  const body: SecretsAnswer = {
    sub: user.sub,
    state,
    profile,
    missing: missingClaims(profile, target),
    roles: [...user.roles],
    password: isRefusal(password) ? password : { ...password, encoded: password.encoded as string },
    ...(totp ? { totp } : {}),
    ...(furtherTotp ? { furtherTotp } : {}),
    ...factors,
    links: [{ provider: issuer, subject: user.sub, userName: usernameOf(user) }],
  };
  const totpReleased = totp !== undefined && !isRefusal(totp);
  return {
    body,
    password: outcome,
    released: { password: auditOf(password), totp: totpReleased, ...factorCounts(factors) },
  };
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
