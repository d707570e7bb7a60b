/**
 * Makes batches of the people of a phase: reads the legacy store, asks of each what a login would be told, writes down who
 * belongs, and then that they are in a batch. Cut off anywhere, it goes on where the batch that it was filling had come to; said
 * again, nobody is in two.
 */
import type { Directory } from '../../legacy/directory.ts';
import type { DirectoryEntry } from '../../legacy/entries.ts';
import type { Assigned } from '../../rollout/assignments.ts';
import { assignmentsOfEach, assignPart } from '../../rollout/assignments.ts';
import type { Rollout } from '../../rollout/rollout.ts';
import { appendAudit } from '../../store/audit-log.ts';
import type { Db } from '../../store/db.ts';
import type { LegacyEntry } from '../../user.ts';
import type { BatchPace, Member } from '../batch/batch.ts';
import type { Batches } from '../batch/batches.ts';
import { directoryPages } from '../batch/directory-pages.ts';
import { phasePlanOf } from '../batch/phase-hold.ts';
import { rankOf } from '../batch/selection.ts';
import { statesAt } from '../ledger.ts';
import type { Asking, Belonging, LeftOut } from './belonging.ts';
import { askingFor, belongingOf } from './belonging.ts';
import type { OpenedPhase } from './phase.ts';
import { checkOpen, openPhase } from './phase.ts';
import { batchesOf, freeName, membersAmong } from './phase-batches.ts';

/** More than anybody takes back, pauses or looks through at once. */
export const MAX_PER_BATCH = 50_000;

export interface GatherDeps {
  readonly db: Db;
  readonly rollout: Pick<Rollout, 'snapshot'>;
  readonly directory: Pick<Directory, 'entries' | 'findBySubs' | 'legacyIdOf'>;
  readonly batches: Batches;
  readonly nowMs: () => number;
}

export interface GatherRequest {
  readonly target: string;
  readonly phase: string;
  /** As the audit log names who asks. */
  readonly actor: string;
  readonly pace: BatchPace;
  /** `MAX_PER_BATCH` at most. */
  readonly perBatch: number;
}

export interface GatherOptions {
  /** Whoever belongs is written down; else nothing is changed. */
  readonly execute: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Told of everybody who is read, a page at a time. */
  readonly onPage?: ((people: readonly Belonging[]) => Promise<void>) | undefined;
}

export interface Filled {
  readonly batch: string;
  readonly people: number;
}

export interface Gathered {
  readonly attempt: number;
  /** Those of this run, and the one that it went on with. */
  readonly batches: readonly Filled[];
  /** It was ended before the store was read to its end: said again, it goes on. */
  readonly isInterrupted: boolean;
}

/** Throws plan_not_found, phase_not_found, phase_state, legacy_unavailable, storage_unavailable, config_invalid. */
export async function gather(
  deps: GatherDeps,
  request: GatherRequest,
  options: GatherOptions,
): Promise<Gathered> {
  const opened = await openPhase(deps.rollout, request);
  if (options.execute) checkOpen(opened, deps.nowMs());
  const asking = askingFor(opened);
  const filling = await openFilling(deps, request, asking.attempt);
  const { execute, onPage, signal } = options;
  let place = execute ? filling.after : '';
  const asked = { subs: listedOf(opened), after: place };
  const listedBy = '`subs` of all of its segments';
  for await (const page of directoryPages(deps.directory, { ...asked, listedBy })) {
    place = placeAfter(deps, page) ?? place;
    const people = await judged(deps, { asking, target: request.target, page, known: filling.known });
    await onPage?.(people);
    if (execute) {
      // Somebody may have paused it meanwhile, or a freeze has begun.
      checkOpen(await openPhase(deps.rollout, request), deps.nowMs());
      await assign(deps, { version: asking.snapshot.version, target: request.target, people });
      await filling.add(people, place);
    }
    if (signal?.aborted) return { attempt: asking.attempt, batches: filling.filled(), isInterrupted: true };
  }
  if (execute) await filling.close();
  return { attempt: asking.attempt, batches: filling.filled(), isInterrupted: false };
}

/** Where each of its segments lists people, nobody else has to be read. */
function listedOf({ snapshot: { plan }, phase }: OpenedPhase): readonly string[] | undefined {
  const lists = phase.segments.map((name) => plan.segments[name]?.subs);
  if (lists.length === 0 || lists.some((list) => list === undefined)) return undefined;
  return [...new Set(lists.flatMap((list) => list ?? []))].sort();
}

interface Judging {
  readonly asking: Asking;
  readonly target: string;
  readonly page: readonly DirectoryEntry[];
  /** Batches of this attempt. */
  readonly known: ReadonlySet<string>;
}

async function judged(
  { db, nowMs }: GatherDeps,
  { asking, target, page, known }: Judging,
): Promise<Belonging[]> {
  const subs = page.map(({ sub }) => sub);
  const states = await statesAt(db, target, subs);
  const assigned = await assignmentsOfEach(db, target, subs);
  const people = page.map((entry) => {
    const state = states.get(entry.sub) ?? 'legacy';
    return belongingOf(asking, entry, { state, assignments: assigned.get(entry.sub) ?? [], nowMs: nowMs() });
  });
  const moving = people.filter(({ why }) => why === undefined).map(({ entry }) => entry.sub);
  const inBatch = await membersAmong(db, [...known], moving);
  const why: LeftOut = 'in_batch';
  return people.map((one) => (one.why === undefined && inBatch.has(one.entry.sub) ? { ...one, why } : one));
}

interface Assigning {
  readonly version: number;
  readonly target: string;
  readonly people: readonly Belonging[];
}

async function assign({ db }: GatherDeps, { version, target, people }: Assigning): Promise<void> {
  const assigned = people.flatMap(({ entry, assign: one }): Assigned[] =>
    one ? [{ ...one, sub: entry.sub }] : [],
  );
  if (assigned.length > 0)
    await db.runParts(assignPart({ target, version, way: 'bulk' }, assigned), 'select 1');
}

/** One whose id makes no subject is no place to go on from. */
function placeAfter({ directory }: GatherDeps, page: readonly DirectoryEntry[]): string | undefined {
  return page.findLast(({ sub }) => directory.legacyIdOf(sub) !== undefined)?.sub;
}

interface Filling {
  /** Where an earlier run was cut off. */
  readonly after: string;
  readonly known: ReadonlySet<string>;
  add(people: readonly Belonging[], after: string): Promise<void>;
  close(): Promise<void>;
  filled(): readonly Filled[];
}

/** A batch is begun with its first person: one of nobody is none. */
async function openFilling(deps: GatherDeps, request: GatherRequest, attempt: number): Promise<Filling> {
  const { batches } = deps;
  const { target, phase, pace, actor, perBatch } = request;
  const plan = { phase, attempt };
  const own = (await batchesOf(batches, request)).filter((one) => phasePlanOf(one)?.attempt === attempt);
  const known = new Set(own.map(({ id }) => id));
  const cutOff = own.find(({ state }) => state === 'planning');
  const filled: { batch: string; people: number }[] = cutOff
    ? [{ batch: cutOff.id, people: cutOff.counts.users }]
    : [];
  const begin = async (id: string) => batches.begin({ id, target, plan, actor, ...pace });
  let isOpen = cutOff !== undefined;

  const close = async () => {
    const last = filled.at(-1);
    if (!isOpen || !last) return;
    isOpen = false;
    await batches.planned(last.batch, { ...plan, users: last.people });
    const detail = { target, phase, attempt, batch: last.batch, users: last.people };
    await appendAudit(deps.db, { actor, action: 'rollout.batched', detail });
  };
  const open = async () => {
    const id = await freeName(batches, phase);
    const { members } = await begin(id);
    known.add(id);
    filled.push({ batch: id, people: members });
    isOpen = true;
  };
  return {
    after: cutOff ? (await begin(cutOff.id)).after : '',
    known,
    close,
    filled: () => filled,
    add: async (people, after) => {
      let left = people.flatMap(({ entry, why }) =>
        why === undefined && !entry.error ? [memberOf(entry)] : [],
      );
      if (left.length === 0 && isOpen) await batches.add(filled.at(-1)!.batch, [], after);
      while (left.length > 0) {
        if (isOpen && filled.at(-1)!.people >= perBatch) await close();
        if (!isOpen) await open();
        const last = filled.at(-1)!;
        const some = left.slice(0, perBatch - last.people);
        left = left.slice(some.length);
        // Of a page that two batches share the second goes on behind the first's last person.
        await batches.add(last.batch, some, left.length > 0 ? some.at(-1)!.sub : after);
        last.people += some.length;
      }
    },
  };
}

const memberOf = ({ user }: LegacyEntry): Member => ({
  sub: user.sub,
  legacyId: user.legacyId,
  rank: rankOf({ order: 'recent-first' }, user),
});
