/** What a target is told about everything beside the password. What a user does not have is not there. */
import type { FactorUses } from '../credentials/factor-uses.ts';
import type { Passwords } from '../credentials/passwords.ts';
import { isRefusal } from '../credentials/reasons.ts';
import type { Json } from '../store/audit-log.ts';
import type { Credentials, LegacyEntry, Passkey, RecoveryCode } from '../user.ts';
import type { SecretsAnswer } from './schemas.ts';

/** As they are now: counters as far as we saw them move, and no recovery code that was used at our login page. */
export async function currentFactors(
  uses: FactorUses,
  sub: string,
  { passkeys = [], recoveryCodes = [], ...others }: Credentials,
): Promise<Credentials> {
  const [counted, unspent] = await Promise.all([uses.counted(passkeys), uses.unspent(sub, recoveryCodes)]);
  return { ...others, passkeys: counted, recoveryCodes: unspent };
}

type FactorAnswer = Pick<
  SecretsAnswer,
  'groups' | 'metadata' | 'passkeys' | 'recoveryCodes' | 'identityProviderLinks'
>;

export function factorAnswer(
  passwords: Pick<Passwords, 'identify'>,
  { user, credentials }: LegacyEntry,
): FactorAnswer {
  const { passkeys = [], recoveryCodes = [], identityProviderLinks = [] } = credentials;
  return {
    ...(user.groups ? { groups: [...user.groups] } : {}),
    ...(user.metadata ? { metadata: { ...user.metadata } } : {}),
    ...(passkeys.length > 0 ? { passkeys: passkeys.map(written) } : {}),
    ...(recoveryCodes.length > 0
      ? { recoveryCodes: recoveryCodes.map((code) => codeFor(passwords, code)) }
      : {}),
    ...(identityProviderLinks.length > 0
      ? { identityProviderLinks: identityProviderLinks.map((link) => ({ ...link })) }
      : {}),
  };
}

function written({ publicKey, transports, ...rest }: Passkey) {
  return { ...rest, publicKey: Buffer.from(publicKey).toString('base64url'), transports: [...transports] };
}

function codeFor(passwords: Pick<Passwords, 'identify'>, code: RecoveryCode) {
  if ('code' in code) return { code: code.code };
  const { hash } = code;
  const identified = passwords.identify(hash);
  const format = isRefusal(identified) ? hash.format : identified.format;
  return { format, ...(hash.recipe ? { recipe: hash.recipe } : {}), columns: { ...hash.columns } };
}

/** For the audit record: how many, and nothing of what they are. */
export function factorCounts({
  passkeys,
  recoveryCodes,
  identityProviderLinks,
}: FactorAnswer): Record<string, Json> {
  const counts = { passkeys, recoveryCodes, identityProviderLinks };
  return Object.fromEntries(
    Object.entries(counts).flatMap(([name, list]) => (list ? [[name, list.length]] : [])),
  );
}
