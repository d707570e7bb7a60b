/** One person of a plan, counted: what becomes of them at the target, by the very rules that a move follows. */

import { ERRORS } from '../../errors.ts';
import { sinceLogin } from '../../migration/batch/forecast.ts';
import type { GivenInput, GivenPassword } from '../../migration/given-password.ts';
import { passwordFor } from '../../migration/given-password.ts';
import type { TargetUserAnswer } from '../../migration/moving/target-user.ts';
import { targetUserFor } from '../../migration/moving/target-user.ts';
import type { TargetUser } from '../../targets/connection.ts';
import type { Target } from '../../targets/target.ts';
import type { LegacyEntry } from '../../user.ts';
import { USER_FINDINGS } from '../survey/findings.ts';
import { countPasswords } from '../survey/passwords-of.ts';
import type { Fate } from '../survey/tally.ts';
import { addCase, FATES } from '../survey/tally.ts';
import type { Examining } from './examining.ts';
import type { Belonging, PlanTally } from './plan-tally.ts';

export interface CountDeps {
  readonly target: Target;
  readonly look: Examining;
  readonly blocked: readonly (readonly [format: string, write: string])[];
  readonly nowSeconds: number;
}

const RECENT_DAYS = 90;
const DAY_SECONDS = 86_400;
const GOES_ALONG: readonly Fate[] = ['carried', 'conditional', 'rehashed'];
/** Any will do: nobody is asked for it here. */
const SOME_ID = 'planned';

/** `captured`: what was caught of their password at a login here, if it is still that password. */
export async function countPerson(
  deps: CountDeps,
  tally: PlanTally,
  { entry, captured }: Pick<GivenInput, 'entry' | 'captured'>,
): Promise<void> {
  const { user } = entry;
  const { sub } = user;
  const { people } = tally;
  people.users += 1;
  people.states[user.state] += 1;
  const age = sinceLogin(user.lastLoginAt, deps.nowSeconds);
  tally.ages[age] += 1;
  // What stops somebody here is the target's to say, below.
  for (const { code, severity, applies } of USER_FINDINGS)
    if (severity !== 'stops' && applies(entry)) addCase(people.findings, code, sub);
  const fate = countFate(deps, tally, entry);
  const given = await passwordFor(deps.look, deps.target.accepts, { entry, captured, blocked: deps.blocked });
  const answer = answerFor(deps, entry, given);
  if (answer.kind === 'refused') return addCase(tally.refused, answer.code, sub);
  const missing = answer.missing.filter(
    ({ what, code }) => what !== 'password' || code === 'second_factor_missing',
  );
  for (const { what, code } of missing) addCase(tally.missing, `${what}: ${code}`, sub);
  const isWithheld = missing.some(({ what }) => what === 'password');
  const isCaught = !GOES_ALONG.includes(fate) && given.outcome === 'captured';
  tally.withheld += Number(isWithheld);
  tally.caught += Number(isCaught && !isWithheld);
  if (fate === 'captured' && !isCaught) tally.atLogin[age] += 1;
  if ((fate === 'reset' && !isCaught) || isWithheld) tally.reset[age] += 1;
  countBelongings(tally, answer.user, entry);
}

function answerFor(
  { target, blocked }: CountDeps,
  entry: LegacyEntry,
  given: GivenPassword,
): TargetUserAnswer {
  const code = entry.user.state === 'active' ? undefined : 'user_disabled';
  if (code) return { kind: 'refused', code, sentence: ERRORS[code][1] };
  return targetUserFor({ entry, target, given, blocked, targetUserId: SOME_ID });
}

/** The best of several passwords counts, as in a survey. */
function countFate({ look, target, nowSeconds }: CountDeps, { people }: PlanTally, entry: LegacyEntry): Fate {
  const { name, accepts } = target;
  const { sub, lastLoginAt } = entry.user;
  const counts = people.targets[name]!;
  const before = FATES.map((fate) => counts[fate].users);
  const isRecent = lastLoginAt !== undefined && nowSeconds - lastLoginAt <= RECENT_DAYS * DAY_SECONDS;
  const readers = [{ name, accepts }];
  countPasswords(people, { passwords: look, readers }, { sub, credentials: entry.credentials, isRecent });
  return FATES.find((fate, i) => counts[fate].users > before[i]!) ?? 'none';
}

function countBelongings({ belongings }: PlanTally, user: TargetUser, entry: LegacyEntry): void {
  const { passkeys = [], recoveryCodes = [], identityProviderLinks = [], totp } = entry.credentials;
  const has: Record<Belonging, readonly [has: boolean, goes: boolean]> = {
    totp: [totp !== undefined, user.totpSecret !== undefined],
    passkeys: [passkeys.length > 0, (user.passkeys?.length ?? 0) > 0],
    recoveryCodes: [recoveryCodes.length > 0, (user.recoveryCodes?.length ?? 0) > 0],
    links: [identityProviderLinks.length > 0, user.identityProviderLinks.length > 0],
    grants: [entry.user.roles.length > 0, user.grants.length > 0],
  };
  for (const [what, [isThere, goes]] of Object.entries(has)) {
    const counted = belongings[what as Belonging];
    counted.people += Number(isThere);
    counted.go += Number(isThere && goes);
  }
}
