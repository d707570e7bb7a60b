/**
 * Making users at cidaas: `POST /users-srv/user/bulk`, which adds whoever is new and **updates whoever is there**. It goes
 * by the address (the number, the username), so somebody else with the same address would get this person's name, roles
 * and password, and whoever knows that password would be in. Therefore nobody is sent before every identifier was looked
 * for, and nobody is sent who was found: our own are known by our mark and our link, everybody else is a conflict that
 * the rooms above decide. `UPDATED` in the answer is an alarm, and no success.
 */
import type { AcceptedFormat } from '../../credentials/accepted-format.ts';
import type { ImportOutcome, TargetUser } from '../connection.ts';
import type { Account } from './account.ts';
import { foundUserOf, linksIn, markOf } from './account.ts';
import type { CidaasApi } from './api.ts';
import { problemWith } from './checking.ts';
import { CidaasError } from './cidaas-error.ts';
import type { Writing } from './entity.ts';
import { compare, entityOf, fieldsOf, identifiersOf, isOurs, isThere, linksOf } from './entity.ts';
import { grantGroups } from './groups.ts';
import type { ProcessState } from './process-states.ts';
import { processStates } from './process-states.ts';
import type { Users } from './users.ts';

export interface Importing extends Writing {
  readonly api: CidaasApi;
  readonly users: Users;
  readonly accepts: readonly AcceptedFormat[];
  readonly signal?: AbortSignal | undefined;
  /** Reads back whom it made, as it takes the word of the bulk import only for many. */
  readonly isLooking: boolean;
}

/** Documented: above this the import answers 413. */
export const MAX_USERS = 1_000;
/** Users who are looked for at the same time. */
const AT_ONCE = 8;

type Outcomes = Map<TargetUser, ImportOutcome>;

/** One outcome per user, in order. */
export async function importAll(work: Importing, people: readonly TargetUser[]): Promise<ImportOutcome[]> {
  const outcomes: Outcomes = new Map();
  for (const user of people) {
    const problem = problemWith(user, work.accepts);
    if (problem) outcomes.set(user, problem);
  }
  let waiting = people.filter((user) => !outcomes.has(user));
  // In one message the second of two with the same address would update the first: they go one after the other.
  while (waiting.length > 0) {
    const { first, rest } = withoutTwins(waiting, work);
    for (let at = 0; at < first.length; at += MAX_USERS) {
      await lookAndSend(work, first.slice(at, at + MAX_USERS), outcomes);
    }
    waiting = rest;
  }
  return people.map((user) => outcomes.get(user)!);
}

/** Those of whom each has identifiers of their own, and the others. */
function withoutTwins(people: readonly TargetUser[], { settings }: Importing) {
  const taken = new Set<string>();
  const first: TargetUser[] = [];
  const rest: TargetUser[] = [];
  for (const user of people) {
    const own = [user.sub, ...identifiersOf(user, settings)].map((text) => text.toLowerCase());
    (own.some((text) => taken.has(text)) ? rest : first).push(user);
    for (const text of own) taken.add(text);
  }
  return { first, rest };
}

async function lookAndSend(
  work: Importing,
  people: readonly TargetUser[],
  outcomes: Outcomes,
): Promise<void> {
  await inParallel(people, async (user) => {
    const before = await asOutcome(() => outcomeBefore(work, user));
    if (before) outcomes.set(user, before);
  });
  const fresh = people.filter((user) => !outcomes.has(user));
  if (fresh.length === 0) return;
  try {
    await send(work, fresh, outcomes);
  } catch (error) {
    const isWhole = error instanceof CidaasError && REFUSES_ALL.has(error.status) && fresh.length > 1;
    if (!isWhole) for (const user of fresh) outcomes.set(user, failed(error));
    // One whom it does not take, and it took none, or some of them: the halves are looked for and sent again.
    const half = Math.ceil(fresh.length / 2);
    const halves = isWhole ? [fresh.slice(0, half), fresh.slice(half)] : [];
    for (const part of halves) await lookAndSend(work, part, outcomes);
  }
}

/** Bad Request, Payload Too Large, Expectation Failed; 507: an address in it is invalid. */
export const REFUSES_ALL: ReadonlySet<number> = new Set([400, 413, 417, 507]);

/** Who is there already. One of ours who was made by a try whose end nobody heard is made, and not sent a second time. */
async function outcomeBefore(work: Importing, user: TargetUser): Promise<ImportOutcome | undefined> {
  const { users, settings, provider, signal } = work;
  const [ourLink] = linksOf(user, provider);
  for (const identifier of [user.sub, ...identifiersOf(user, settings).flatMap(withSmall)]) {
    const account = await users.byIdentifier(identifier, signal);
    if (!account) continue;
    const found = foundUserOf(account, settings);
    const isLinked = isThere(ourLink!, linksIn(account));
    const isMade = isOurs(account, user, settings);
    // Our subject is not among what cidaas goes by: who answers to it has it as an id elsewhere.
    if (identifier === user.sub && !isLinked && !isMade) continue;
    if (found.state === 'deleted') return { kind: 'conflict', code: 'removed-there', found };
    if (isMade) return madeBefore(work, user, account);
    if (isLinked) return { kind: 'exists', found };
    const isAnotherOfOurs = markOf(account, settings) !== undefined;
    return {
      kind: 'conflict',
      code: isAnotherOfOurs ? 'taken-by-another-of-ours' : 'identifier-taken',
      found,
    };
  }
  return undefined;
}

/** Whether cidaas compares letters exactly where it is asked is not documented; where it updates, it may not. */
const withSmall = (identifier: string) => [...new Set([identifier, identifier.toLowerCase()])];

async function madeBefore(work: Importing, user: TargetUser, account: Account): Promise<ImportOutcome> {
  const { stored, missing } = compare(work, user, account);
  return granted(work, user, {
    account,
    created: { kind: 'created', targetUserId: account.sub, stored, missing },
  });
}

/** Throws CidaasError where the import as a whole was not taken. */
async function send(work: Importing, people: readonly TargetUser[], outcomes: Outcomes): Promise<void> {
  const { api, settings, signal } = work;
  const body = people.map((user) => entityOf(work, user).entity);
  const { document } = await api.call('POST', settings.paths.bulk, { body, signal });
  const states = processStates(document, people.map(sentOf(work)));
  await inParallel(people, async (user, index) => {
    outcomes.set(user, await asOutcome(() => outcomeAfter(work, user, states[index])));
  });
}

const sentOf =
  ({ settings }: Importing) =>
  (user: TargetUser) => ({
    email: user.email?.address ?? '',
    values: [
      ...Object.values(fieldsOf(user, settings)).filter((value) => typeof value === 'string'),
      ...Object.values(user.metadata),
      user.sub,
      user.legacyId,
    ],
  });

async function outcomeAfter(
  work: Importing,
  user: TargetUser,
  state: ProcessState | undefined,
): Promise<ImportOutcome> {
  if (!state) return { kind: 'unavailable', code: 'not-in-answer' };
  if (state.kind === 'failed') return state.outcome;
  // Somebody came between our look and our message, or has an identifier that we did not see: nobody goes on from here.
  if (state.kind === 'updated') return { kind: 'conflict', code: 'updated-not-created' };
  const account = work.isLooking ? await work.users.byId(state.sub, work.signal) : undefined;
  const { stored, missing } = account ? compare(work, user, account) : entityOf(work, user);
  return granted(work, user, {
    account,
    created: { kind: 'created', targetUserId: state.sub, stored, missing },
  });
}

interface Made {
  readonly account: Account | undefined;
  readonly created: Extract<ImportOutcome, { kind: 'created' }>;
}

async function granted(
  work: Importing,
  user: TargetUser,
  { account, created }: Made,
): Promise<ImportOutcome> {
  if (user.grants.length === 0) return created;
  const member = { sub: created.targetUserId, has: account?.groups ?? [] };
  const ungranted = await grantGroups(work, member, user.grants);
  return {
    ...created,
    stored: ungranted.length === 0 ? [...created.stored, 'grants'] : created.stored,
    missing: [...created.missing, ...ungranted],
  };
}

async function inParallel<T>(
  items: readonly T[],
  one: (item: T, index: number) => Promise<void>,
): Promise<void> {
  for (let at = 0; at < items.length; at += AT_ONCE) {
    await Promise.all(items.slice(at, at + AT_ONCE).map((item, index) => one(item, at + index)));
  }
}

async function asOutcome<O extends ImportOutcome | undefined>(
  work: () => Promise<O>,
): Promise<O | ImportOutcome> {
  try {
    return await work();
  } catch (error) {
    return failed(error);
  }
}

/** Throws what is no CidaasError. */
export function failed(error: unknown): Extract<ImportOutcome, { kind: 'refused' | 'unavailable' }> {
  if (!(error instanceof CidaasError)) throw error;
  const { status, reason, retryAfterSeconds, message: sentence } = error;
  // No user was asked for: it is the path that is not there.
  if (!error.isNobodysFault && status !== 404) return { kind: 'refused', code: reason, sentence };
  return {
    kind: 'unavailable',
    code: status === 403 ? 'scope-missing' : reason,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    ...(status === 429 && { isThrottled: true as const }),
  };
}
