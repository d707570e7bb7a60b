/** The second step: what a person whose password is right has to show besides. No HTTP here. */

import type { Assertion, RelyingParty } from '../credentials/passkeys.ts';
import { belongsTo, verifyAssertion } from '../credentials/passkeys.ts';
import { findRecoveryCode } from '../credentials/recovery-codes.ts';
import { verifyTotp } from '../credentials/totp.ts';
import type { Credentials, LegacyEntry, Passkey, TotpSecret } from '../user.ts';
import type { LoginDeps, Proof } from './login-limits.ts';
import { withinLimits } from './login-limits.ts';

export type Factor = 'passkey' | 'totp' | 'recovery';

/** By what the second step can be done, first offered first. Empty: the store asks for one that cannot be shown here. */
export interface Factors {
  readonly ways: readonly Factor[];
  /** Those that can be used under our domain. */
  readonly passkeys: readonly Passkey[];
}

/** `undefined`: the password is enough. Recovery codes alone are no factor: they stand in for one. */
export function factorsOf(credentials: Credentials, { rpId }: RelyingParty): Factors | undefined {
  const { totp, passkeys = [], passkeyIsFactor, recoveryCodes = [] } = credentials;
  const asked = passkeyIsFactor ? passkeys : [];
  if (!totp && asked.length === 0) return undefined;
  const usable = asked.filter((passkey) => belongsTo(passkey, rpId));
  const ways: Factor[] = [
    ...(usable.length > 0 ? (['passkey'] as const) : []),
    ...(totp ? (['totp'] as const) : []),
    ...(recoveryCodes.length > 0 ? (['recovery'] as const) : []),
  ];
  return { ways, passkeys: usable };
}

export interface FactorTry {
  /** Whose password was proved a moment ago. */
  readonly sub: string;
  readonly network: string;
  readonly signal?: AbortSignal;
}

export function proveCode(deps: LoginDeps, attempt: FactorTry & { code: string }): Promise<Proof> {
  return proveFactor(deps, attempt, 'otp', async ({ credentials }) => {
    const typed = attempt.code.replace(/\s/g, '');
    for (const [i, totp] of [credentials.totp ?? [], credentials.furtherTotp ?? []].flat().entries()) {
      const match = verifyTotp(totp, typed, { nowMs: Date.now() });
      if (match) return deps.throttle.spendStep(nameOf(attempt.sub, totp, i), match.step);
    }
    return false;
  });
}

/** Steps are spent per device: devices may count in other periods. */
function nameOf(sub: string, { secret }: TotpSecret, index: number): string {
  return index === 0 ? sub : `${sub}\n${Buffer.from(secret).toString('hex')}`;
}

export function proveRecoveryCode(deps: LoginDeps, attempt: FactorTry & { code: string }): Promise<Proof> {
  return proveFactor(deps, attempt, 'otp', async ({ credentials }) => {
    const { recoveryCodes = [] } = credentials;
    const options = attempt.signal ? { signal: attempt.signal } : {};
    const found = await findRecoveryCode(deps.passwords, recoveryCodes, attempt.code, options);
    return found !== undefined && deps.uses.spendCode(attempt.sub, found, recoveryCodes);
  });
}

export function provePasskey(
  deps: LoginDeps,
  attempt: FactorTry & { assertion: Assertion; challenge: string },
): Promise<Proof> {
  const { sub, assertion, challenge } = attempt;
  return proveFactor(deps, attempt, 'pop', async ({ credentials }) => {
    const passkeys = factorsOf(credentials, deps.relyingParty)?.passkeys ?? [];
    const passkey = passkeys.find(({ credentialId }) => credentialId === assertion.credentialId);
    const proved =
      passkey && (await verifyAssertion(passkey, assertion, { ...deps.relyingParty, challenge }));
    if (!proved) return false;
    const use = await deps.uses.spendAssertion(passkey, challenge, proved.signCount);
    // Two keys that count on from the same number: one of them is a copy.
    if (use === 'regressed') await deps.suspect(sub, 'login.passkey_counter_regressed');
    return use === 'fresh';
  });
}

/** The method as RFC 8176 names it: `otp`, also for recovery codes; `pop`, as nothing proves that the key is in hardware. */
type Method = 'otp' | 'pop';

async function proveFactor(
  deps: LoginDeps,
  { sub, network, signal }: FactorTry,
  method: Method,
  isRight: (entry: LegacyEntry) => Promise<boolean>,
): Promise<Proof> {
  const { throttle } = deps;
  const buckets = [throttle.factor(sub), throttle.network(network)];
  const entry = await deps.directory.findBySub(sub);
  return withinLimits(deps, { buckets, signal }, async ({ failures }) => {
    if (entry?.user.state !== 'active') return { kind: 'locked' };
    // Removed in the legacy store since the password was proved: the first step has to be done again.
    if (!factorsOf(entry.credentials, deps.relyingParty)) return { kind: 'wrong' };
    if (!(await isRight(entry))) {
      await throttle.fail(buckets);
      return { kind: 'wrong' };
    }
    return {
      kind: 'proved',
      user: entry.user,
      amr: ['pwd', method],
      writes: failures[0] ? [throttle.clearPart(buckets[0]!)] : [],
      mark: deps.watch?.markOf(entry),
    };
  });
}
