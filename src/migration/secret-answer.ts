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
import type { Captured } from './captured-passwords.ts';
import { factorAnswer, factorCounts } from './factor-answer.ts';
import type { PasswordOutcome } from './ledger.ts';
import { missingClaims, profileClaims, usernameOf } from './profile.ts';
import type { SecretsAnswer } from './schemas.ts';
import type { State } from './states.ts';

export interface AnswerDeps {
  readonly passwords: Pick<Passwords, 'translate' | 'rehash' | 'identify'>;
  /** The provider's issuer, as the target knows it. */
  readonly issuer: string;
}

export interface AnswerInput {
  readonly entry: LegacyEntry;
  readonly target: Target;
  /** Names of formats to choose from; all that the target reads when absent. */
  readonly formats?: readonly string[] | undefined;
  readonly state: State;
  /** Of a login at the facade. */
  readonly captured?: Captured | undefined;
  /** Ways of rewriting that are not to be trusted: `[format, write]`. */
  readonly blocked: readonly (readonly [format: string, write: string])[];
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

interface Given {
  readonly password: Translation;
  readonly outcome: PasswordOutcome;
}

/** What was captured of this very password, else the first stored one that can be rewritten, else one that can be recovered. */
async function passwordFor(
  passwords: AnswerDeps['passwords'],
  accepts: readonly AcceptedFormat[],
  { entry, captured, blocked }: AnswerInput,
): Promise<Given> {
  const known = captured && accepts.some(({ write }) => write === captured.format) ? captured : undefined;
  if (known) return { password: known as Translation, outcome: 'captured' };
  let refusal: Translation | undefined;
  for (const stored of entry.credentials.passwords) {
    const translation = translate(passwords, stored, accepts, blocked);
    if (!isRefusal(translation)) return { password: translation, outcome: 'carried' };
    if (translation.reason === 'recoverable') {
      const fresh = await passwords.rehash(stored, accepts);
      if (!isRefusal(fresh)) return { password: fresh, outcome: 'rehashed' };
    }
    refusal ??= translation;
  }
  return { password: refusal ?? refuse('no_hash'), outcome: refusal ? 'reset' : 'none' };
}

function translate(
  passwords: AnswerDeps['passwords'],
  stored: StoredPassword,
  accepts: readonly AcceptedFormat[],
  blocked: AnswerInput['blocked'],
): Translation {
  const identified = passwords.identify(stored);
  const format = isRefusal(identified) ? stored.format : identified.format;
  const isBlocked = (write: string) => blocked.some(([from, into]) => from === format && into === write);
  const trusted = accepts.filter(({ write }) => !isBlocked(write));
  const translation = passwords.translate(stored, trusted);
  const lost = isRefusal(translation) && trusted.length < accepts.length;
  return lost && !isRefusal(passwords.translate(stored, accepts)) ? refuse('rewrite_blocked') : translation;
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
