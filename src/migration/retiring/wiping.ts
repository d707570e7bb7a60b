/**
 * The end for everybody of a target, one page after the other: links to us become local accounts where people can log in
 * without us, the ledger says `retired`, and what is secret of them is wiped. The target is asked first and our rows are
 * written in one transaction then, so whoever dies anywhere is gone on with, and nobody is done twice.
 */
import { FootbridgeError, isFootbridgeError } from '../../errors.ts';
import { appendAudit } from '../../store/audit-log.ts';
import type { Db, Queryable } from '../../store/db.ts';
import type { Found } from '../../store/traces.ts';
import type { FoundUser, TargetConnection } from '../../targets/connection.ts';
import type { LedgerRow } from '../ledger.ts';
import { ledgerPage, move } from '../ledger.ts';
import type { Event, State } from '../states.ts';
import { hasTargetUser, nextState } from '../states.ts';
import type { LinkFate } from './local-login.ts';
import { linkFate } from './local-login.ts';
import type { Link } from './wipes.ts';
import { keepWipe, wipedAmong } from './wipes.ts';

/** What is secret of one person at this target: taken away, and read again. */
export interface Secrets {
  wipe(q: Queryable, sub: string): Promise<readonly Found[]>;
  left(q: Queryable, sub: string): Promise<readonly Found[]>;
}

export const WIPE_STEPS = ['looked', 'unlinked', 'written'] as const;
export type WipeStep = (typeof WIPE_STEPS)[number];

export interface WipingDeps {
  readonly db: Db;
  readonly target: string;
  /** Undefined: the target has no API. Nobody is unlinked there then. */
  readonly connection: TargetConnection | undefined;
  /** Our identity providers at the target. */
  readonly ourIdps: ReadonlySet<string>;
  readonly secrets: Secrets;
  readonly actor: string;
  /** The audit log's pseudonym of a sub. */
  readonly pseudonym: (sub: string) => Buffer;
  /** Told of errors that are ours. */
  readonly onError?: (error: unknown) => void;
  /** For tests that end here. */
  readonly afterStep?: (step: WipeStep, sub: string) => Promise<void>;
}

export interface WipeProblem {
  readonly sub: string;
  readonly code: string;
  readonly sentence: string;
}

export interface WipeTally {
  /** Looked at in this run. */
  readonly people: number;
  /** Done by an earlier one. */
  readonly before: number;
  readonly links: Readonly<Record<Link, number>>;
  /** Who reached `retired` in this run. */
  readonly retired: number;
  /** Rows by place. */
  readonly wiped: Readonly<Record<string, number>>;
  /** Of whom nothing came; the next run tries again. */
  readonly failed: number;
  readonly problems: readonly WipeProblem[];
}

export interface WipeRun extends WipeTally {
  /** Everybody of the ledger was looked at. */
  readonly isThrough: boolean;
  /** The target does not answer, or somebody has ended it. */
  readonly stoppedBy: 'outage' | 'signal' | null;
}

const PAGE_PEOPLE = 200;
/** Calls at once: the target is also at work for people. */
const AT_ONCE = 4;
/** Named in the answer; the rest is counted. */
const MAX_PROBLEMS = 20;
/** One after the other, without one that went well: the target is away. */
const MAX_OUTAGES = 8;

const NOTHING: WipeTally = {
  people: 0,
  before: 0,
  links: { local: 0, kept: 0, none: 0 },
  retired: 0,
  wiped: {},
  failed: 0,
  problems: [],
};

export interface WipeOptions {
  /** Also whoever was wiped before: something of theirs may have come back. */
  readonly again?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onPage?: ((tally: WipeTally) => void) | undefined;
}

/** Throws storage_unavailable; the same call goes on. */
export async function wipeAll(
  deps: WipingDeps,
  { again = false, signal, onPage }: WipeOptions = {},
): Promise<WipeRun> {
  let tally = NOTHING;
  let outages = 0;
  for (let after = ''; ; ) {
    const page = await ledgerPage(deps.db, deps.target, after, PAGE_PEOPLE);
    const done = await wipedAmong(
      deps.db,
      deps.target,
      page.map(({ sub }) => sub),
    );
    // Whoever could log in only through us may have chosen a password since.
    const open = again ? page : page.filter(({ sub }) => (done.get(sub) ?? 'kept') === 'kept');
    tally = { ...tally, before: tally.before + page.length - open.length };
    for (let at = 0; at < open.length; at += AT_ONCE) {
      if (signal?.aborted) return { ...tally, isThrough: false, stoppedBy: 'signal' };
      const group = open.slice(at, at + AT_ONCE);
      const results = await Promise.all(
        group.map((row) => wipeOne(deps, row, again ? undefined : done.get(row.sub))),
      );
      tally = results.reduce(added, tally);
      const isAway = results.every(({ code }) => code === 'target_unavailable');
      outages = isAway ? outages + group.length : 0;
      if (outages >= MAX_OUTAGES) return { ...tally, isThrough: false, stoppedBy: 'outage' };
    }
    onPage?.(tally);
    if (page.length < PAGE_PEOPLE) return { ...tally, isThrough: true, stoppedBy: null };
    after = page.at(-1)!.sub;
  }
}

interface Result {
  readonly sub: string;
  readonly link?: Link;
  readonly isRetired?: boolean;
  readonly wiped?: readonly Found[];
  readonly code?: string;
  readonly sentence?: string;
}

function added(tally: WipeTally, result: Result): WipeTally {
  const { sub, link, isRetired, wiped = [], code, sentence = '' } = result;
  const people = tally.people + 1;
  if (link === undefined) {
    const problem = { sub, code: code ?? 'internal', sentence };
    const problems = tally.problems.length < MAX_PROBLEMS ? [...tally.problems, problem] : tally.problems;
    return { ...tally, people, failed: tally.failed + 1, problems };
  }
  return {
    ...tally,
    people,
    links: { ...tally.links, [link]: tally.links[link] + 1 },
    retired: tally.retired + Number(isRetired ?? false),
    wiped: wiped.reduce((sum, { place, rows }) => counted(sum, place, rows), tally.wiped),
  };
}

const counted = (sum: Readonly<Record<string, number>>, place: string, rows: number) =>
  rows === 0 ? sum : { ...sum, [place]: (sum[place] ?? 0) + rows };

/** Throws storage_unavailable; everything else is the person's result. */
async function wipeOne(deps: WipingDeps, row: LedgerRow, before: Link | undefined): Promise<Result> {
  const { sub } = row;
  try {
    const fate = await unlinked(deps, row);
    // Nothing has changed for them: no second record of it.
    if (before === 'kept' && fate.link === 'kept') return { sub, link: 'kept' };
    const written = await deps.db.transaction((tx) => write(deps, tx, { row, fate }));
    await deps.afterStep?.('written', sub);
    return { sub, link: fate.link, ...written };
  } catch (error) {
    if (isFootbridgeError(error, 'storage_unavailable')) throw error;
    // Another run was faster.
    const link = (await wipedAmong(deps.db, deps.target, [sub])).get(sub);
    if (link && isFootbridgeError(error, 'illegal_transition')) return { sub, link };
    if (!isFootbridgeError(error)) deps.onError?.(error);
    const known = isFootbridgeError(error) ? error : new FootbridgeError('internal', { cause: error });
    return { sub, code: known.code, sentence: known.message };
  }
}

/** Throws target_unavailable, target_refused. */
async function unlinked(deps: WipingDeps, row: LedgerRow): Promise<LinkFate> {
  const found = await userThere(deps, row);
  const fate = linkFate(found, { sub: row.sub, ourIdps: deps.ourIdps });
  await deps.afterStep?.('looked', row.sub);
  if (fate.unlinks) await deps.connection?.unlink(found!.targetUserId, row.sub);
  await deps.afterStep?.('unlinked', row.sub);
  // Without an API nobody knows how they log in there: the link is the target's to take away.
  return deps.connection || !hasTargetUser(row.state) ? fate : { link: 'kept', unlinks: false };
}

const userThere = async (
  { connection }: WipingDeps,
  { state, targetUserId }: LedgerRow,
): Promise<FoundUser | undefined> =>
  hasTargetUser(state) && targetUserId !== null ? connection?.userById(targetUserId) : undefined;

/** All of it or nothing: whoever has a row in `wipes` is retired as far as the ledger lets them, and has no secret left. */
async function write(
  deps: WipingDeps,
  tx: Queryable,
  { row: { sub, state }, fate: { link } }: { row: LedgerRow; fate: LinkFate },
): Promise<Pick<Result, 'isRetired' | 'wiped'>> {
  const { target, actor, secrets } = deps;
  const subject = deps.pseudonym(sub);
  const events = eventsFrom(state);
  // Before the moves, which take some of it along without counting it.
  const wiped = await secrets.wipe(tx, sub);
  for (const event of events) await move(tx, { event, target, sub, actor, subject, detail: { link } });
  const left = (await secrets.left(tx, sub)).filter(({ rows }) => rows > 0);
  if (left.length > 0)
    throw new FootbridgeError('internal', {
      detail: `wiped, and still there: ${left.map(({ place, rows }) => `${place} ${rows}`).join(', ')}`,
    });
  const rows = Object.fromEntries(wiped.flatMap((one) => (one.rows > 0 ? [[one.place, one.rows]] : [])));
  await keepWipe(tx, target, { sub, link, wiped: rows });
  const detail = { target, link, wiped: rows, left: 0 };
  await appendAudit(tx, { actor, action: 'retirement.wiped', subject, detail });
  return { isRetired: events.length > 0, wiped };
}

const TO_THE_END: readonly Event[] = ['cut-over', 'retire'];

/** What is left of the way to `retired`; nothing for whoever has not arrived, or has gone another way. */
function eventsFrom(state: State): readonly Event[] {
  for (const [at, event] of TO_THE_END.entries())
    if (nextState(state, event) !== undefined) return TO_THE_END.slice(at);
  return [];
}
