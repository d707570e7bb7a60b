/**
 * Events that a target has kept are read again, because webhooks get lost: with the same ids, so that what has arrived counts
 * once. The table `target_replays` says how far.
 */
import { randomUUID } from 'node:crypto';
import type { Queryable } from '../store/db.ts';
import { statement } from '../store/db.ts';
import type { Target, Targets } from '../targets/target.ts';
import type { TargetEvent, TargetWebhook } from '../targets/webhook.ts';
import type { SealEvent } from './inbox.ts';
import { isStorable, putEvents } from './inbox.ts';

export interface ReplayingDeps {
  readonly db: Queryable;
  readonly targets: Pick<Targets, 'webhook'> & { readonly all: readonly Pick<Target, 'name'>[] };
  readonly onError: (error: unknown, where: string) => void;
  /** Targets that tell in no other way, and whose people wait for it. */
  readonly isOnlyWay?: (target: string) => boolean;
  readonly seal?: SealEvent;
  /** Milliseconds that no change of the clock moves. */
  readonly elapsed?: () => number;
}

export interface Replaying {
  /** Reads what it is time for, some pages of each target. Throws storage_unavailable. */
  round(): Promise<void>;
}

const EVERY_SECONDS = 900;
/** Their clock is not ours, and what happened earlier may be listed later. */
const OVERLAP_SECONDS = 3_600;
/** Of targets that tell in no other way: what is listed later still, a reading from end to end finds. */
const SOON_SECONDS = 5;
const SOON_OVERLAP_SECONDS = 120;
/** The rest is read in the next round: nobody else waits for a target with many events. */
const ROUND_PAGES = 20;
const LEASE_SECONDS = 300;
const AGAIN_SECONDS = 60;
/** This node looks so often whether it is time. */
const LOOK_MS = 30_000;

type Replay = NonNullable<TargetWebhook['replay']>;

export function openReplaying({
  db,
  targets,
  onError,
  seal,
  isOnlyWay = () => false,
  elapsed = () => performance.now(),
}: ReplayingDeps): Replaying {
  const lookAt = new Map<string, number>();
  /** Not those that somebody may have been lost of while this process was down. */
  const looked = new Set<string>();
  return {
    async round() {
      for (const { name } of targets.all) {
        const webhook = targets.webhook(name);
        const replay = webhook?.replay?.bind(webhook);
        if (!replay || elapsed() < (lookAt.get(name) ?? Number.NEGATIVE_INFINITY)) continue;
        const result = await replayOne(db, {
          target: name,
          replay,
          isFirst: !looked.has(name),
          isOnlyWay: isOnlyWay(name),
          onError,
          seal,
        });
        if (result === 'done') looked.add(name);
        const restMs = isOnlyWay(name) ? SOON_SECONDS * 1_000 : LOOK_MS;
        lookAt.set(name, result === 'more' ? elapsed() : elapsed() + restMs);
      }
    },
  };
}

const BEGIN = statement(`insert into target_replays (target, read_until, read_at)
  values ($1, now() - interval '${OVERLAP_SECONDS} seconds', '-infinity') on conflict do nothing`);
const LEASE =
  statement(`update target_replays set lease = $2, leased_until = now() + interval '${LEASE_SECONDS} seconds'
  where target = $1 and (leased_until is null or leased_until <= now())
    and ($3 or read_at <= now() - make_interval(secs => $4))
  returning read_until as since, now() as now`);
/** What a kill leaves undone begins here. Never later than now: an event's time is the target's word. */
const ADVANCE =
  statement(`update target_replays set read_until = greatest(read_until, least($3::timestamptz, now()))
  where target = $1 and lease = $2`);
const STOP = statement(`update target_replays set lease = null,
    leased_until = now() + make_interval(secs => $3) where target = $1 and lease = $2`);
const FINISH = statement(`update target_replays set lease = null, leased_until = null, read_at = now(),
    read_until = $3::timestamptz - make_interval(secs => $4) where target = $1 and lease = $2`);

interface OneReplay {
  readonly target: string;
  readonly replay: Replay;
  /** Whatever the time is. */
  readonly isFirst: boolean;
  readonly isOnlyWay: boolean;
  readonly onError: ReplayingDeps['onError'];
  readonly seal: SealEvent | undefined;
}

async function replayOne(
  db: Queryable,
  { target, replay, isFirst, isOnlyWay, onError, seal }: OneReplay,
): Promise<'done' | 'more' | 'later'> {
  const lease = randomUUID();
  await db.run(BEGIN, [target]);
  const [leased] = await db.run<{ since: Date; now: Date }>(LEASE, [
    target,
    lease,
    isFirst,
    isOnlyWay ? SOON_SECONDS : EVERY_SECONDS,
  ]);
  // Somebody else is at it, or has been.
  if (!leased) return isFirst ? 'later' : 'done';
  try {
    const isDone = await readPages(db, { target, lease, replay, since: leased.since, seal });
    await (isDone
      ? db.run(FINISH, [target, lease, leased.now, isOnlyWay ? SOON_OVERLAP_SECONDS : OVERLAP_SECONDS])
      : db.run(STOP, [target, lease, 0]));
    return isDone ? 'done' : 'more';
  } catch (error) {
    await db.run(STOP, [target, lease, AGAIN_SECONDS]);
    onError(error, `events of ${target}`);
    return 'later';
  }
}

interface Pages extends Pick<OneReplay, 'target' | 'replay'> {
  readonly lease: string;
  readonly since: Date;
  readonly seal: SealEvent | undefined;
}

/** True: to the end. */
async function readPages(db: Queryable, { target, lease, replay, since, seal }: Pages): Promise<boolean> {
  for (let page = 1; page <= ROUND_PAGES; page += 1) {
    const { events, isLast } = await replay(since, page);
    const good = events.filter(isStorable);
    if (good.length > 0) await putEvents(db, target, good, seal);
    if (isLast) return true;
    const until = newest(good);
    if (until) await db.run(ADVANCE, [target, lease, until]);
  }
  return false;
}

function newest(events: readonly TargetEvent[]): Date | undefined {
  const times = events.map(({ at }) => at.getTime()).filter((time) => !Number.isNaN(time));
  return times.length > 0 ? new Date(Math.max(...times)) : undefined;
}
