/**
 * People whose turn it is, many at once: both sides are read, what differs is decided, what was decided is noted, written, and
 * kept as what both have. Whatever dies in between is done again by whoever comes next, and nothing twice.
 */
import { createHash } from 'node:crypto';
import { isFootbridgeError } from '../../errors.ts';
import type { Settlement, Turn } from '../queue/change-queue.ts';
import type { Base } from './deciding.ts';
import type { SyncField } from './fields.ts';
import { decidedPart, keep } from './keeping.ts';
import type { Looked, LookingDeps, Person } from './looking.ts';
import { lookAt } from './looking.ts';
import type { PasswordTurn } from './password-turn.ts';
import { passwordsOf } from './password-turn.ts';
import type { Plan, PlanningDeps } from './planning.ts';
import { isWriting, planFor } from './planning.ts';
import type { Intended, Written } from './states.ts';
import { writePart } from './states.ts';
import type { VanishedDeps } from './vanished.ts';
import { vanished } from './vanished.ts';
import type { Wrote } from './writing.ts';
import { writeAll } from './writing.ts';

export interface TurnsDeps extends LookingDeps, Omit<VanishedDeps, keyof LookingDeps>, PlanningDeps {
  readonly directory: VanishedDeps['directory'];
  readonly password: PasswordTurn;
  /** Somebody of the legacy store who is not at the target. */
  readonly onNotThere?: (turn: Turn) => Promise<void>;
  readonly onTurns?: (turns: TurnsDone) => void;
}

/** For metrics. */
export interface TurnsDone {
  readonly target: string;
  readonly people: number;
  /** Fields that were written, by side. */
  readonly toTarget: number;
  readonly toLegacy: number;
  readonly conflicts: number;
  readonly failed: number;
}

/** After an outage; nobody's failure. */
const OUTAGE_SECONDS = 10;
const ANEW_SECONDS = 1;
const FIRST_AGAIN_SECONDS = 5;
const LAST_AGAIN_SECONDS = 3_600;

/** One settlement per turn. Throws storage_unavailable. */
export async function takeTurns(deps: TurnsDeps, turns: readonly Turn[]): Promise<readonly Settlement[]> {
  let looks: readonly Looked[];
  try {
    looks = await lookAt(deps, turns);
  } catch (error) {
    if (!isFootbridgeError(error, 'legacy_unavailable')) throw error;
    return turns.map((turn) => failedTurn(deps, turn, error));
  }
  const people = looks.filter((one): one is Person => one.kind === 'person');
  const settled = new Map(await peopleTurns(deps, people));
  for (const one of looks) if (one.kind !== 'person') settled.set(one.turn, await otherTurn(deps, one));
  return turns.map((turn) => settled.get(turn)!);
}

async function otherTurn(deps: TurnsDeps, one: Exclude<Looked, Person>): Promise<Settlement> {
  const { turn } = one;
  try {
    if (one.kind === 'failed') return failedTurn(deps, turn, one.error);
    if (one.kind === 'not-there') {
      await deps.onNotThere?.(turn);
      return { turn, result: 'done' };
    }
    const seconds = await vanished(deps, one);
    if (seconds === undefined) return { turn, result: 'done' };
    const problem = {
      code: one.kind,
      sentence: 'Nobody is there any more: it is looked once more before anything is done.',
    };
    return { turn, result: 'later', seconds, counts: false, problem };
  } catch (error) {
    return failedTurn(deps, turn, error);
  }
}

async function peopleTurns(
  deps: TurnsDeps,
  people: readonly Person[],
): Promise<readonly (readonly [Turn, Settlement])[]> {
  const plans = people.map((person) => planFor(deps, person));
  const versions = await intend(deps, plans);
  const mine = plans.filter(({ person }) => versions.get(person.sub) !== undefined);
  const wrote = await writeAll(deps, mine, (plan) => markOf(plan));
  const results = new Map(mine.map((plan, index) => [plan, wrote[index]!] as const));
  const done = mine.filter((plan) => results.get(plan)?.kind === 'done');
  const passwords = await passwordsOf(deps, done);
  const kept = await keep(deps, done, { versions, passwords });
  deps.onTurns?.(countsOf(deps.pair.target, mine, results));
  return plans.map((plan) => {
    const { turn, sub } = plan.person;
    const result = results.get(plan) ?? { kind: 'anew' };
    if (result.kind === 'failed') return [turn, failedTurn(deps, turn, result.error)];
    const password = passwords.get(plan);
    if (password?.kind === 'failed') return [turn, failedTurn(deps, turn, password.error)];
    if (result.kind === 'anew' || !kept.has(sub) || bringsMore(plan)) return [turn, anew(turn)];
    return [turn, { turn, result: 'done' }];
  });
}

/** What the legacy store makes of these is another thing now, a full name or a proof: they are looked at once more. */
const MORE: readonly SyncField[] = ['givenName', 'familyName', 'email', 'phone'];
const bringsMore = ({ decision }: Plan) => decision.toLegacy.some((field) => MORE.includes(field));

/** The same for the same values, and for no others. */
const markOf = ({ person, applied }: Plan) =>
  createHash('sha256')
    .update(JSON.stringify([person.turn.target, person.sub, person.state.version, applied]))
    .digest('hex');

/** Of those to whom something will be written, what: before it is. The versions by subject; who is not in it has changed. */
async function intend(deps: TurnsDeps, plans: readonly Plan[]): Promise<Map<string, number>> {
  const versions = new Map(plans.map(({ person }) => [person.sub, person.state.version]));
  const writing = plans.filter(isWriting);
  if (writing.length === 0) return versions;
  const { db, keyring, pair } = deps;
  const parts = [
    writePart(pair.target, writing.map(intentOf)),
    // What is about to be written over must be on record before it is gone.
    ...decidedPart({ keyring, target: pair.target }, writing),
  ];
  const rows = await db.runParts<{ sub: string; version: string }>(parts, 'select * from people_written');
  const written = new Map(rows.map(({ sub, version }) => [sub, Number(version)]));
  for (const { person } of writing) {
    const version = written.get(person.sub);
    if (version === undefined) versions.delete(person.sub);
    else versions.set(person.sub, version);
  }
  return versions;
}

function intentOf({ person, decision, refused }: Plan): Written {
  const intended: Intended = {
    target: marksOf(decision.toTarget, decision.base),
    legacy: marksOf(decision.toLegacy, decision.base),
  };
  const { fields, of } = baseOf(person);
  return { sub: person.sub, state: { ...person.state, fields, of, intended, refused }, isSynced: false };
}

const baseOf = ({ base, marking }: Person) => ({ fields: base, of: marking.of });

const marksOf = (fields: readonly SyncField[], base: Base) =>
  Object.fromEntries(fields.flatMap((field) => (base[field] === undefined ? [] : [[field, base[field]]])));

function countsOf(target: string, plans: readonly Plan[], results: ReadonlyMap<Plan, Wrote>): TurnsDone {
  const sum = (count: (plan: Plan) => number) => plans.reduce((total, plan) => total + count(plan), 0);
  const done = (plan: Plan) => results.get(plan)?.kind === 'done';
  return {
    target,
    people: plans.length,
    toTarget: sum((plan) => (done(plan) ? plan.decision.toTarget.length : 0)),
    toLegacy: sum((plan) => (done(plan) ? plan.decision.toLegacy.length : 0)),
    conflicts: sum(({ decision }) => decision.conflicts.length),
    failed: sum((plan) => (results.get(plan)?.kind === 'failed' ? 1 : 0)),
  };
}

const anew = (turn: Turn): Settlement => ({
  turn,
  result: 'later',
  seconds: ANEW_SECONDS,
  counts: false,
  problem: {
    code: 'changed_meanwhile',
    sentence: 'Somebody has changed it meanwhile: it is looked at anew.',
  },
});

const OUTAGES = [
  'legacy_unavailable',
  'target_unavailable',
  'storage_unavailable',
  'hashing_overloaded',
] as const;

/** An outage is nobody's failure; whatever else comes again and again ends as a dead letter. */
export function failedTurn({ pair }: Pick<TurnsDeps, 'pair'>, turn: Turn, error: unknown): Settlement {
  if (isFootbridgeError(error, 'storage_unavailable')) throw error;
  const known = isFootbridgeError(error) ? error : undefined;
  const code = known?.detail ? `${known.code}: ${known.detail}`.slice(0, 200) : (known?.code ?? 'internal');
  const problem = { code, sentence: known?.message ?? 'Something went wrong on our side.' };
  if (known && OUTAGES.some((outage) => outage === known.code)) {
    const seconds = Math.min(LAST_AGAIN_SECONDS, Math.max(OUTAGE_SECONDS, known.retryAfterSeconds ?? 0));
    return { turn, result: 'later', seconds, counts: false, problem };
  }
  if (turn.attempts + 1 >= pair.attempts) return { turn, result: 'dead', problem };
  const seconds = Math.min(LAST_AGAIN_SECONDS, FIRST_AGAIN_SECONDS * 2 ** turn.attempts);
  return { turn, result: 'later', seconds, counts: true, problem };
}
