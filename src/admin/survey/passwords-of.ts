/** What becomes of one user's passwords at every target. */
import type { AcceptedFormat } from '../../credentials/accepted-format.ts';
import type { Identified, Passwords, Translation } from '../../credentials/passwords.ts';
import { isRefusal } from '../../credentials/reasons.ts';
import type { TotpRules } from '../../targets/target.ts';
import { readsTotp } from '../../targets/target.ts';
import type { Credentials } from '../../user.ts';
import type { TargetFinding } from './findings.ts';
import type { Fate, FormatTally, Tally } from './tally.ts';
import { addCase, addExample, addTo, increment } from './tally.ts';

export interface Reader {
  readonly name: string;
  readonly accepts: readonly AcceptedFormat[];
  /** Of a configured target: whom it cannot take is named. */
  readonly totp?: TotpRules;
}

type Reading = Pick<Passwords, 'examine'>;

/** From the best to the worst: of several passwords the best counts. */
const RANK: readonly Fate[] = ['carried', 'conditional', 'rehashed', 'captured', 'reset', 'none'];
const NO_PASSWORD = new Set(['no_hash', 'unusable']);

interface Counted {
  readonly sub: string;
  readonly credentials: Credentials;
  readonly isRecent: boolean;
}

export function countPasswords(
  tally: Tally,
  { passwords, readers }: { passwords: Reading; readers: readonly Reader[] },
  { sub, credentials, isRecent }: Counted,
): void {
  const best = new Map<string, FateWithReason>();
  const accepted = readers.map(({ accepts }) => accepts);
  for (const stored of credentials.passwords) {
    const { identified, translations } = passwords.examine(stored, accepted);
    const format = isRefusal(identified) ? stored.format : identified.format;
    const counted = formatTally(tally, format);
    addTo(counted, isRecent);
    addExample(counted.examples, sub);
    increment(
      counted.costs,
      isRefusal(identified) ? identified.reason : `${identified.algorithm} ${identified.costs}`.trim(),
    );
    for (const [i, { name }] of readers.entries()) {
      const { fate, why } = fateOf(identified, translations[i]!);
      counted.targets[name] ??= {};
      increment(counted.targets[name], why ? `${fate}: ${why}` : fate);
      const before = best.get(name);
      if (!before || RANK.indexOf(fate) < RANK.indexOf(before.fate)) best.set(name, { fate, why });
    }
  }
  // A store that checks passwords itself shows no hash: the password is caught at a login.
  const without: Fate = credentials.storeCheck ? 'captured' : 'none';
  for (const { name, totp } of readers) {
    const { fate, why } = best.get(name) ?? { fate: without, why: undefined };
    addTo(tally.targets[name]![fate], isRecent);
    if (!totp) continue;
    for (const found of findingsAt(totp, { fate, why }, credentials))
      addCase(tally.findings, `${found}@${name}`, sub);
  }
}

function findingsAt(rules: TotpRules, { fate, why }: FateWithReason, { totp }: Credentials): TargetFinding[] {
  return [
    ...(fate === 'reset' ? (['password_needs_reset'] as const) : []),
    ...(fate === 'captured'
      ? ([why === 'target_bounds' ? 'password_out_of_bounds' : 'password_needs_capture'] as const)
      : []),
    ...(totp && !readsTotp(rules, totp) ? (['totp_not_supported'] as const) : []),
  ];
}

function formatTally(tally: Tally, format: string): FormatTally {
  tally.formats[format] ??= { users: 0, recent: 0, costs: {}, targets: {}, examples: [] };
  return tally.formats[format];
}

interface FateWithReason {
  readonly fate: Fate;
  readonly why?: string | undefined;
}

function fateOf(identified: Identified, translation: Translation): FateWithReason {
  if (!isRefusal(translation))
    return translation.caveat ? { fate: 'conditional', why: translation.caveat } : { fate: 'carried' };
  const why = translation.reason;
  if (why === 'recoverable') return { fate: 'rehashed' };
  if (NO_PASSWORD.has(why)) return { fate: 'none', why };
  // What we cannot verify either cannot be caught at a login.
  return isRefusal(identified) ? { fate: 'reset', why: identified.reason } : { fate: 'captured', why };
}
