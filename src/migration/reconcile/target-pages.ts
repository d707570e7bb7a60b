/** The target's users, a page at a time: all of them where it lists them, and else those whom we know of. */
import type { FoundUser, TargetConnection } from '../../targets/connection.ts';
import type { LedgerRow } from '../ledger.ts';
import { targetUserIdOf } from '../moving/target-user.ts';
import type { State } from '../states.ts';
import { hasTargetUser } from '../states.ts';
import type { ReconcileDeps } from './deps.ts';
import type { Coverage } from './reconciliations.ts';

export interface TargetPage {
  readonly users: readonly FoundUser[];
  /** Where the next page begins; undefined: this was the last. */
  readonly next: string | undefined;
}

/** Some hundred kilobytes of JSON. */
const LISTED = 250;
/** People of whom each takes calls of its own. */
const ASKED = 100;
/** Calls at once; the connection keeps its own pace besides. */
const AT_ONCE = 8;
/** For a batch of fewer, each is asked for by itself; for more, reading all users is cheaper. */
export const FEW_MEMBERS = 2_000;

export async function coverageOf(deps: ReconcileDeps, batch: string | undefined): Promise<Coverage> {
  const canList = deps.connection.users !== undefined;
  if (batch === undefined) return canList ? 'all-users' : 'ledger';
  const first = canList ? await deps.members(batch, '', FEW_MEMBERS) : [];
  return first.length < FEW_MEMBERS ? 'members' : 'all-users';
}

export interface Asked {
  readonly coverage: Coverage;
  readonly batch: string | undefined;
  /** Null: from the beginning. */
  readonly after: string | null;
}

/** Throws target_unavailable, target_refused. */
export async function targetPage(
  deps: ReconcileDeps,
  { coverage, batch, after }: Asked,
): Promise<TargetPage> {
  if (coverage === 'all-users') {
    const page = await deps.connection.users!({ ...(after === null ? {} : { after }), limit: LISTED });
    return { users: page.users, next: page.next };
  }
  const { ledger, target, members } = deps;
  if (coverage === 'ledger') {
    const rows = await ledger.page(target.name, after ?? '', ASKED);
    return { users: await usersOf(deps, rows.map(askedOfRow(target.name))), next: nextOf(rows, ASKED) };
  }
  const subs = await members(batch ?? '', after ?? '', ASKED);
  const known = new Map((await ledger.of(target.name, subs)).map((row) => [row.sub, row]));
  const people = subs.map((sub) => ({ sub, ids: idsOf(target.name, sub, known.get(sub)) }));
  return {
    users: await usersOf(deps, people),
    next: nextOf(
      subs.map((sub) => ({ sub })),
      ASKED,
    ),
  };
}

const nextOf = (page: readonly { readonly sub: string }[], limit: number) =>
  page.length < limit ? undefined : page.at(-1)?.sub;

interface Who {
  /** Absent: only by their ids. */
  readonly sub?: string;
  readonly ids: readonly string[];
}

/** States of people who may have been left half-made. */
const HALF_MADE: readonly State[] = ['releasing', 'failed', 'deleted'];

const askedOfRow =
  (target: string) =>
  (row: LedgerRow): Who => {
    const { sub, state, targetUserId, removals } = row;
    if (HALF_MADE.includes(state)) return { ids: idsOf(target, sub, row) };
    return { ids: targetUserId ? [targetUserId] : hasTargetUser(state) ? [idOf(target, sub, removals)] : [] };
  };

const idOf = (target: string, sub: string, removals: number) => targetUserIdOf(target, sub, removals);

/** Under which the target may have this person. */
export function idsOf(target: string, sub: string, row: LedgerRow | undefined): string[] {
  const own = idOf(target, sub, row?.removals ?? 0);
  return [...new Set([own, ...(row?.targetUserId ? [row.targetUserId] : [])])];
}

async function usersOf({ connection }: ReconcileDeps, people: readonly Who[]): Promise<FoundUser[]> {
  const found: FoundUser[][] = [];
  for (let at = 0; at < people.length; at += AT_ONCE)
    found.push(
      ...(await Promise.all(people.slice(at, at + AT_ONCE).map((who) => everybody(connection, who)))),
    );
  return found.flat();
}

/** All who are there under this person's link or ids. */
export async function everybody(connection: TargetConnection, { sub, ids }: Who): Promise<FoundUser[]> {
  const asked = [
    ...(sub === undefined ? [] : [connection.userBySubject(sub)]),
    ...ids.map((id) => connection.userById(id)),
  ];
  const there = (await Promise.all(asked)).filter(
    (found): found is FoundUser => found !== undefined && found.state !== 'deleted',
  );
  return [...new Map(there.map((found) => [found.targetUserId, found])).values()];
}
