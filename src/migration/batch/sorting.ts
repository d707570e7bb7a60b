/** What the target's answer means for each of those who were in the call. */
import type { ImportOutcome, NotStored } from '../../targets/connection.ts';
import { lackOf } from '../moving/found.ts';
import { arrivalOf } from '../moving/steps.ts';
import { hasPassword, hasSecondFactor } from '../moving/target-user.ts';
import type { Moving } from '../moving/try.ts';
import { afterFailure } from './attempts.ts';
import type { UserProblem } from './batch.ts';
import type { Taken } from './chunk.ts';
import type { Verdict } from './governor.ts';
import type { AloneDeps } from './one-by-one.ts';
import { usesUpTries } from './one-by-one.ts';
import type { Arrived, Postponed, Ready, Told } from './settling.ts';

export interface SortingDeps
  extends Pick<AloneDeps, 'governor' | 'connection'>,
    Pick<Moving, 'ourIdp' | 'target'> {}

/** What becomes of whoever was sent. */
export interface Sorted {
  readonly arrived: readonly Arrived[];
  readonly told: readonly Told[];
  readonly slow: readonly Taken[];
  readonly postponed: readonly Postponed[];
}

export function verdictOf(outcomes: readonly ImportOutcome[]): Verdict {
  const unavailable = outcomes.flatMap((outcome) => (outcome.kind === 'unavailable' ? [outcome] : []));
  const waits = unavailable.flatMap(({ retryAfterSeconds }) => retryAfterSeconds ?? []);
  const retryAfterSeconds = waits.length > 0 ? Math.max(...waits) : undefined;
  if (unavailable.some(({ isThrottled }) => isThrottled)) return { kind: 'throttled', retryAfterSeconds };
  const isDown = unavailable.length > 0 && unavailable.length === outcomes.length;
  return isDown ? { kind: 'down', retryAfterSeconds } : { kind: 'well' };
}

interface Answered {
  readonly outcomes: readonly ImportOutcome[];
  readonly verdict: Verdict;
}

export async function sort(
  deps: SortingDeps,
  sent: readonly Ready[],
  { outcomes, verdict }: Answered,
): Promise<Sorted> {
  const arrived: Arrived[] = [];
  const told: Told[] = [];
  const slow: Taken[] = [];
  const postponed: Postponed[] = [];
  const isOwn = verdict.kind === 'well' || (verdict.kind === 'down' && (await usesUpTries(deps)));
  for (const [index, ready] of sent.entries()) {
    const { taken } = ready;
    const outcome = outcomes[index] ?? { kind: 'unavailable', code: 'no_answer' };
    const arrival = outcome.kind === 'created' ? whole(ready, outcome) : await known(deps, ready, outcome);
    if (arrival) arrived.push(arrival);
    else if (outcome.kind === 'refused') {
      const problem = { code: `target:${outcome.code}`, sentence: outcome.sentence };
      told.push({ sub: taken.sub, outcome: 'failed', problem });
    } else if (outcome.kind === 'unavailable') {
      const result = afterFailure(taken, unavailableProblem(outcome.code), {
        counts: !outcome.isThrottled && isOwn,
        retryAfterSeconds: outcome.retryAfterSeconds,
      });
      if ('outcome' in result) told.push(result);
      else postponed.push(result);
    } else slow.push(taken);
  }
  return { arrived, told, slow, postponed };
}

export const unavailableProblem = (code: string): UserProblem => ({
  code: 'target_unavailable',
  sentence: 'The target did not answer, or not with an answer about this person.',
  detail: code,
});

/** Undefined: something is neither stored nor said to be missing, so it has to be looked at. */
function whole(
  { taken, person }: Ready,
  { targetUserId, stored, missing }: Extract<ImportOutcome, { kind: 'created' }>,
): Arrived | undefined {
  const lacking = [...person.missing, ...missing];
  const { credentials } = person.entry;
  const isSaid = (what: NotStored['what']) =>
    stored.includes(what) || lacking.some((one) => one.what === what);
  const isFactorSaid = !hasSecondFactor(credentials) || isSaid('totp') || stored.includes('passkeys');
  if (!isSaid('links') || !isFactorSaid || (hasPassword(credentials) && !isSaid('password')))
    return undefined;
  return { sub: taken.sub, targetUserId, made: true, user: person.user, ...outcomeOf(lacking) };
}

/** Somebody whom an earlier try of ours has made, and who lacks nothing that another try could add. */
async function known(
  deps: SortingDeps,
  { taken, person }: Ready,
  outcome: ImportOutcome,
): Promise<Arrived | undefined> {
  if (outcome.kind !== 'exists' || person.hasNewPassword) return undefined;
  const row = taken.row ?? { made: null, targetUserId: null };
  const { targetUserId, made, found } = arrivalOf(outcome.found, person, row);
  if (!made || !found || found.state !== 'active') return undefined;
  const { missing, unseen } = await lackOf(deps, person, { now: found, told: [] });
  const isLeft = missing.some(
    ({ what, code }) => !person.missing.some((one) => one.what === what && one.code === code),
  );
  return unseen || isLeft
    ? undefined
    : { sub: taken.sub, targetUserId, made, user: person.user, ...outcomeOf(missing) };
}

function outcomeOf(missing: readonly NotStored[]): Pick<Arrived, 'outcome' | 'problem'> {
  const [first] = missing;
  if (!first) return { outcome: 'migrated' };
  const problem = {
    code: `${first.what}_missing`,
    sentence: 'The person is at the target, and something could not be carried over.',
    missing,
  };
  return { outcome: 'created', problem };
}
