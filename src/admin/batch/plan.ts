import type { Directory } from '../../legacy/directory.ts';
import type { DirectoryEntry } from '../../legacy/entries.ts';
import type { Member } from '../../migration/batch/batch.ts';
import { directoryPages } from '../../migration/batch/directory-pages.ts';
import type { Selection } from '../../migration/batch/selection.ts';
import { matches, rankOf } from '../../migration/batch/selection.ts';
import type { Captured } from '../../migration/captured-passwords.ts';
import type { State } from '../../migration/states.ts';
import { hasTargetUser } from '../../migration/states.ts';
import type { LegacyEntry } from '../../user.ts';
import type { Progress } from '../operation.ts';
import { addCase } from '../survey/tally.ts';
import type { CountDeps } from './counting.ts';
import { countPerson } from './counting.ts';
import { firstRanks } from './first-ranks.ts';
import type { LeftOut, PlanTally } from './plan-tally.ts';
import { emptyPlanTally } from './plan-tally.ts';

export interface PlanDeps extends CountDeps {
  readonly directory: Pick<Directory, 'entries' | 'findBySubs' | 'count' | 'legacyIdOf'>;
  /** Where these people stand at the target; who is left out has no row. */
  readonly standings: (subs: readonly string[]) => Promise<ReadonlyMap<string, State>>;
  /** What was caught of their passwords at logins here, of those who have something. */
  readonly captured: (entries: readonly LegacyEntry[]) => Promise<ReadonlyMap<string, Captured>>;
}

export interface PlanOptions {
  readonly sample: number;
  /** People to be written down, with how far the store has been read. */
  readonly onMembers?: (members: readonly Member[], after: string) => Promise<void>;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export interface Planned {
  readonly tally: PlanTally;
  /** The first of the order. */
  readonly sample: readonly LegacyEntry[];
}

/** Throws legacy_unavailable, storage_unavailable; config_invalid where the store cannot be read so. */
export async function readPlan(deps: PlanDeps, selection: Selection, options: PlanOptions): Promise<Planned> {
  const admit = await admission(deps, selection, options);
  const tally = emptyPlanTally(deps.target.name);
  const first = firstPeople(selection, options.sample);
  let after = '';
  for await (const page of judged(deps, selection, options)) {
    const members: Member[] = [];
    const fitting = page.flatMap(({ found, reason }) => (reason || found.error ? [] : [found]));
    const captured = await deps.captured(fitting);
    for (const { found, reason } of page) {
      tally.read += Number(reason !== 'not_in_store');
      const why = reason ?? (admit(found) ? undefined : 'beyond_limit');
      if (why || found.error) {
        leaveOut(tally, why ?? 'cannot_be_mapped', found);
        continue;
      }
      await countPerson(deps, tally, { entry: found, captured: captured.get(found.sub) });
      first.add(found);
      const { sub, legacyId } = found.user;
      members.push({ sub, legacyId, rank: rankOf(selection, found.user) });
    }
    after = placeAfter(deps, page) ?? after;
    await options.onMembers?.(members, after);
  }
  return { tally, sample: first.people() };
}

interface Judged {
  readonly found: DirectoryEntry;
  /** Why they are not in; `beyond_limit` is seen later. */
  readonly reason?: LeftOut;
}

async function* judged(deps: PlanDeps, selection: Selection, options: PlanOptions): AsyncGenerator<Judged[]> {
  const total = selection.subs?.length ?? (await deps.directory.count?.().catch(() => undefined));
  const tell = telling(total, options);
  let read = 0;
  const asked = { subs: selection.subs, after: '', listedBy: '--list' };
  for await (const page of directoryPages(deps.directory, asked)) {
    const reasons = page.map((entry) => reasonFor(deps, selection, entry));
    const fitting = page.filter((_, i) => reasons[i] === undefined).map(({ sub }) => sub);
    const states = fitting.length > 0 ? await deps.standings(fitting) : new Map<string, State>();
    yield page.map((found, i) => {
      const reason = reasons[i] ?? standingReason(states.get(found.sub));
      return reason ? { found, reason } : { found };
    });
    read += page.length;
    tell(read);
  }
}

function reasonFor(
  { nowSeconds }: PlanDeps,
  selection: Selection,
  entry: DirectoryEntry,
): LeftOut | undefined {
  if (entry.error) return entry.error.code === 'user_not_found' ? 'not_in_store' : 'cannot_be_mapped';
  if (matches(selection, entry, nowSeconds)) return undefined;
  const { state } = entry.user;
  const fitsOtherwise = matches({ ...selection, states: [state] }, entry, nowSeconds);
  return fitsOtherwise && state !== 'active' ? state : 'not_asked';
}

function standingReason(state: State | undefined): LeftOut | undefined {
  if (state === undefined) return undefined;
  if (state === 'excluded' || state === 'deleted') return state;
  if (state === 'created') return 'incomplete';
  return hasTargetUser(state) ? 'there' : undefined;
}

function leaveOut({ leftOut, unmappable }: PlanTally, reason: LeftOut, { sub, error }: DirectoryEntry): void {
  addCase(leftOut, reason, sub);
  if (error && reason === 'cannot_be_mapped') addCase(unmappable, error.detail ?? error.code, sub);
}

type Admit = (entry: DirectoryEntry) => boolean;

/** With a limit the store is read twice: who is among the first shows at its end. */
async function admission(deps: PlanDeps, selection: Selection, options: PlanOptions): Promise<Admit> {
  const { limit, order } = selection;
  if (limit === undefined) return () => true;
  let left = limit;
  const oneOf = () => {
    left -= 1;
    return left >= 0;
  };
  if (order === 'id') return oneOf;
  const ranks = firstRanks(limit);
  const rank = (entry: DirectoryEntry) => (entry.error ? 0 : rankOf(selection, entry.user));
  for await (const page of judged(deps, selection, options))
    for (const { found, reason } of page) if (!reason) ranks.add(rank(found));
  const cut = ranks.cut();
  if (!cut) return oneOf;
  let { ties } = cut;
  return (entry) => {
    if (rank(entry) !== cut.rank) return rank(entry) < cut.rank;
    ties -= 1;
    return ties >= 0;
  };
}

/** One whose id makes no subject is no place to go on from. */
function placeAfter({ directory }: PlanDeps, page: readonly Judged[]): string | undefined {
  return page.findLast(({ found }) => directory.legacyIdOf(found.sub) !== undefined)?.found.sub;
}

/** The first few of the order, and of those with one rank whoever came first. */
function firstPeople(selection: Selection, most: number) {
  let people: LegacyEntry[] = [];
  const rank = ({ user }: LegacyEntry) => rankOf(selection, user);
  return {
    add(entry: LegacyEntry) {
      if (people.length === most && (most === 0 || rank(entry) >= rank(people.at(-1)!))) return;
      people = [...people, entry].sort((a, b) => rank(a) - rank(b)).slice(0, most);
    },
    people: () => people,
  };
}

function telling(total: number | undefined, { onProgress }: PlanOptions) {
  const startedMs = performance.now();
  return (users: number) => {
    const seconds = (performance.now() - startedMs) / 1_000;
    onProgress?.({ users, total, continuedFrom: 0, perSecond: Math.round(users / Math.max(seconds, 0.001)) });
  };
}
