/**
 * Changing many who are there. The bulk import **updates whoever has one of the identifiers and adds whoever has none**, and
 * it is the only call for many: so it is given as little as can go wrong with it. Only people whom we have made go with it,
 * named by the address that they have at this moment and by our mark, and only with names, language and the like. What
 * people are known by (address, number, username), what is emptied, and everybody else goes one by one, by their sub, where
 * cidaas itself refuses what somebody else has. An answer about another sub is an alarm, and no success.
 */
import type { UpdateOutcome, UserUpdate } from '../connection.ts';
import { inParallel } from '../in-parallel.ts';
import type { Account } from './account.ts';
import { LOCAL, markOf } from './account.ts';
import { CidaasError } from './cidaas-error.ts';
import type { Entity } from './entity.ts';
import { amendedEntity } from './entity.ts';
import type { Importing } from './import.ts';
import { failed, REFUSES_ALL } from './import.ts';
import type { ProcessState } from './process-states.ts';
import { processStates } from './process-states.ts';
import type { Changes } from './profile.ts';
import { changesOf, problemWithChanges, putProfile } from './profile.ts';
import { removeAgain } from './removing.ts';

type Reaching = Pick<Importing, 'api' | 'users' | 'settings' | 'signal'>;

/** Documented: 25 to 50 in a call. */
export const COMFORTABLE = 50;
/** So few go one by one: that is as quick, and says at once whom cidaas does not take. */
const FEW = 4;
/** Calls about one person at the same time. */
const AT_ONCE = 8;

/** Somebody to be changed, as they are there. */
interface Pending {
  /** Their place in what was asked for. */
  readonly at: number;
  readonly account: Account;
  readonly changes: Changes;
}
type Outcomes = UpdateOutcome[];

/** One outcome per update, in order. */
export async function updateMany(work: Reaching, updates: readonly UserUpdate[]): Promise<UpdateOutcome[]> {
  const outcomes: Outcomes = new Array(updates.length);
  let waiting = updates.map((update, at) => ({ update, at }));
  while (waiting.length > 0) {
    // The second update of one person comes after the first.
    const seen = new Set<string>();
    const isFirst = ({ update }: (typeof waiting)[number]) =>
      seen.size < COMFORTABLE && !seen.has(update.targetUserId) && seen.add(update.targetUserId);
    const turn = waiting.filter(isFirst);
    waiting = waiting.filter((one) => !turn.includes(one));
    const pending = (await inParallel(turn, AT_ONCE, (one) => look(work, one, outcomes))).flat();
    const together = pending.filter((one) => canGoTogether(work, one));
    await sendTogether(work, together, outcomes);
    await sendEach(
      work,
      pending.filter((one) => !together.includes(one)),
      outcomes,
    );
  }
  return outcomes;
}

/** Reads them afresh: empty where there is nothing to write, or nobody to write it to. */
async function look(
  { users, settings, signal }: Reaching,
  { update, at }: { readonly update: UserUpdate; readonly at: number },
  outcomes: Outcomes,
): Promise<readonly Pending[]> {
  try {
    const account = await users.byId(update.targetUserId, signal);
    if (!account || account.status === 'DELETED' || account.status === 'COMBINED') {
      outcomes[at] = { kind: 'gone' };
      return [];
    }
    const changes = changesOf(account, update, settings);
    const problem = problemWithChanges(changes);
    if (!problem && Object.keys(changes).length > 0) return [{ at, account, changes }];
    outcomes[at] = problem ?? { kind: 'updated' };
  } catch (error) {
    outcomes[at] = failed(error);
  }
  return [];
}

/** Nobody is known by them. */
const HARMLESS = new Set(['given_name', 'family_name', 'nickname', 'locale']);

/** Whether the import lets somebody in who may not is not documented: only of those who may it is told anything. */
function canGoTogether({ settings }: Reaching, { account, changes }: Pending): boolean {
  return (
    (account.status === 'VERIFIED' || account.status === '') &&
    markOf(account, settings) !== undefined &&
    emailOf(account) !== '' &&
    account.identities.some(({ provider }) => provider === LOCAL) &&
    Object.entries(changes).every(([name, value]) => HARMLESS.has(name) && value !== null && value !== '')
  );
}

const emailOf = ({ fields }: Account) => (typeof fields.email === 'string' ? fields.email : '');

async function sendTogether(work: Reaching, people: readonly Pending[], outcomes: Outcomes): Promise<void> {
  if (people.length <= FEW) return sendEach(work, people, outcomes);
  const { api, settings, signal } = work;
  try {
    const body = people.map((one) => entityFor(work, one));
    const { document } = await api.call('POST', settings.paths.bulk, { body, signal });
    const states = processStates(document, people.map(sentOf));
    await judge(work, { people, states }, outcomes);
  } catch (error) {
    // One whom it does not take, and it took none of them, or some: that is the same for what is said again.
    if (error instanceof CidaasError && REFUSES_ALL.has(error.status)) {
      const half = Math.ceil(people.length / 2);
      await sendTogether(work, people.slice(0, half), outcomes);
      return sendTogether(work, people.slice(half), outcomes);
    }
    const outcome = failed(error);
    for (const { at } of people) outcomes[at] = outcome;
  }
}

function entityFor({ settings }: Reaching, { account, changes }: Pending): Entity | object {
  if (settings.bulkUpdates === 'whole')
    return amendedEntity({ settings }, account, { fields: changes, links: [], metadata: {} });
  const only: Account = {
    ...account,
    identities: [{ provider: LOCAL, shown: { provider: LOCAL, email: emailOf(account) } }],
    customFields: { [settings.customFields.mark]: markOf(account, settings)! },
  };
  return amendedEntity({ settings }, only, { fields: changes, links: [], metadata: {} });
}

const sentOf = ({ account, changes }: Pending) => ({
  email: emailOf(account),
  values: [...Object.values(changes), ...Object.values(account.fields)].filter(
    (value) => typeof value === 'string',
  ),
});

interface Answered {
  readonly people: readonly Pending[];
  readonly states: readonly (ProcessState | undefined)[];
}

async function judge(work: Reaching, { people, states }: Answered, outcomes: Outcomes): Promise<void> {
  const again: Pending[] = [];
  for (const [index, one] of people.entries()) {
    const state = states[index];
    // It may only dislike something that it has shown: one by one nothing of that is sent.
    if (state?.kind === 'failed') again.push(one);
    else outcomes[one.at] = await outcomeOf(work, one, state);
  }
  await sendEach(work, again, outcomes);
}

async function outcomeOf(
  work: Reaching,
  { account }: Pending,
  state: Exclude<ProcessState, { kind: 'failed' }> | undefined,
): Promise<UpdateOutcome> {
  if (!state) return { kind: 'unavailable', code: 'not-in-answer' };
  if (state.kind === 'updated' && state.sub === account.sub) return { kind: 'updated' };
  if (state.kind === 'created') {
    try {
      return await removeAgain(work, account, state.sub);
    } catch (error) {
      return failed(error);
    }
  }
  return {
    kind: 'refused',
    code: 'another-user-updated',
    sentence: 'cidaas says that it has changed another user in this one’s place: look at both.',
  };
}

async function sendEach(work: Reaching, people: readonly Pending[], outcomes: Outcomes): Promise<void> {
  await inParallel(people, AT_ONCE, async ({ at, account, changes }) => {
    try {
      await putProfile(work, account, changes);
      outcomes[at] = { kind: 'updated' };
    } catch (error) {
      const isGone = error instanceof CidaasError && error.status === 404;
      outcomes[at] = isGone ? { kind: 'gone' } : failed(error);
    }
  });
}
