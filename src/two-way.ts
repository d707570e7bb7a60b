/** Puts two-way sync together: what is heard of people on both sides, the queue between, and whoever takes their turns. */
import { randomUUID } from 'node:crypto';
import type { Ground } from './ground.ts';
import type { CarryingDeps } from './migration/carrying.ts';
import type { Queryable } from './store/db.ts';
import { openHearing } from './sync/hearing.ts';
import type { SealEvent, WaitingEvent } from './sync/inbox.ts';
import { putEvents } from './sync/inbox.ts';
import { openFeeds } from './sync/intake/feeds.ts';
import { putUserEvents } from './sync/intake/target-events.ts';
import { openOutages } from './sync/outages.ts';
import { sweepAnew } from './sync/pairs.ts';
import { openPasswordSync } from './sync/passwords/index.ts';
import { resealPassword, sealPassword } from './sync/passwords/sealing.ts';
import type { NewcomersDeps } from './sync/people/newcomers.ts';
import { newAtTarget, newInLegacy } from './sync/people/newcomers.ts';
import type { TurnsDeps, TurnsDone } from './sync/people/turns.ts';
import { strangerOf } from './sync/queue/change-queue.ts';
import { sweepRound } from './sync/sweeping.ts';
import type { PairSettings } from './sync/sync-settings.ts';
import { openSyncing } from './sync/syncing.ts';
import type { Target } from './targets/target.ts';
import type { TargetEvent } from './targets/webhook.ts';

export interface TwoWayParts extends Ground {
  /** How passwords are carried at a login. */
  readonly carrying: CarryingDeps;
  /** For metrics. */
  readonly onTurns: (turns: TurnsDone) => void;
}

export type TwoWay = ReturnType<typeof openTwoWay>;

/** Feeds wait for as long, and whoever has changed something there waits with them. */
const FEEDS_MS = 500;
const SWEEP_MS = 2_000;
/** Passwords that were caught at a login. */
const CAUGHT_MS = 1_000;

export function openTwoWay(parts: TwoWayParts) {
  const { settings, db, keyring, directory, targets, queue, endings, audit, log, onTurns } = parts;
  const { pseudonym } = audit;
  const hearing = openHearing({ db, queue, pairs: settings.sync.pairs });
  const passwords = openPasswordSync({
    db,
    keyring,
    directory,
    passwords: parts.passwords,
    targets,
    pseudonym,
    carrying: parts.carrying,
    synced: new Set(settings.sync.pairs.map(({ target }) => target)),
    wake: async (people) => {
      await queue.put(
        people.map(({ target, sub }) => ({
          ...{ source: 'login', id: randomUUID(), target, person: sub, lane: 'live' as const },
          hint: {},
        })),
      );
    },
    onError: (error) => log.warn({ error }, 'a password could not be kept equal'),
  });
  const pairs = new Map(settings.sync.pairs.flatMap((pair) => pairOf(pair)));
  const onError = (error: unknown, where: string) =>
    log.warn({ error, where }, 'people could not be kept equal');
  const feeds = openFeeds({
    db,
    queue,
    feeds: settings.sync.pairs.length > 0 ? directory.feeds : [],
    targets: hearing.hearing,
    isFull: hearing.isFull,
    missing: async (store) => {
      const setups = directory.setups.filter((one) => one.store === store);
      return (await Promise.all(setups.map(({ setup }) => setup.check()))).flat();
    },
    onLost: async () => {
      for (const { target } of settings.sync.pairs) await sweepAnew(db, target);
    },
    onError,
  });
  const newcomers = new Map([...pairs].map(([name, turns]) => [name, newcomersOf(parts, turns)]));
  const syncing = openSyncing({
    db,
    queue,
    inSpan: parts.observed.inSpan,
    onSettled: openOutages((outage) => log.warn(outage, 'sync waits: a side does not answer')),
    pairs: new Map(
      [...pairs].map(([name, turns]) => [
        name,
        {
          ...turns,
          onNotThere: (turn) => newInLegacy(newcomers.get(name)!, turn),
          onShutOut: async (sub) => {
            const selection = { by: 'person', sub } as const;
            await endings.end({ selection, cause: 'deactivated', actor: 'sync', everything: true });
          },
          onTurns,
        } satisfies TurnsDeps,
      ]),
    ),
    onStranger: async (turn) => {
      const known = newcomers.get(turn.target);
      return known ? newAtTarget(known, turn) : { turn, result: 'done' };
    },
    onError,
  });
  const seal: SealEvent = (target, { targetUserId, password }) =>
    sealPassword(keyring, { target, person: strangerOf(targetUserId) }, password);
  const hearingOfUsers = {
    queue,
    hears: hearing.hears,
    ownUserId: ownUserIds(parts),
    reseal: (sealed: string, owner: { target: string; targetUserId: string; person: string }) =>
      resealPassword(keyring, sealed, {
        from: { target: owner.target, person: strangerOf(owner.targetUserId) },
        to: { target: owner.target, person: owner.person },
      }),
  };
  const stop = new AbortController();
  let following: Promise<void> = Promise.resolve();
  return {
    hearing,
    passwords,
    isOn: pairs.size > 0,
    /** What is done with events about users. */
    events: {
      seal,
      /** Nobody calls us there: its list of events is all that there is. */
      isOnlyWay: (name: string) =>
        pairs.get(name)?.target.kind === 'keycloak' && !pairs.get(name)?.target.webhook,
      onUserEvents: (q: Queryable, waiting: readonly WaitingEvent[]) =>
        putUserEvents(q, hearingOfUsers, waiting),
    },
    /** Events that a target tells while it calls us. */
    onUserEvent: async ({ name }: Pick<Target, 'name'>, event: TargetEvent): Promise<void> => {
      if (pairs.has(name)) await putEvents(db, name, [event], seal);
    },
    follow: () => {
      following = pairs.size > 0 ? syncing.follow(stop.signal) : following;
    },
    rounds:
      pairs.size === 0
        ? []
        : [
            { everyMs: CAUGHT_MS, round: () => passwords.round() },
            { everyMs: FEEDS_MS, round: () => untilDone(() => feeds.round(), stop.signal) },
            ...[...pairs.values()].map((turns) => ({
              everyMs: SWEEP_MS,
              round: () =>
                untilDone(
                  () => sweepRound({ ...turns, queue, hasBegun: feeds.hasBegun, onError }),
                  stop.signal,
                ),
            })),
          ],
    async close() {
      stop.abort();
      await following;
      await feeds.close();
    },
  };

  function pairOf(pair: PairSettings): [string, TurnsDeps][] {
    const target = targets.byName(pair.target);
    const connection = targets.connection(pair.target);
    if (!target || !connection) return [];
    const nowMs = Date.now;
    const both = { db, keyring, directory, target, connection, pair, targets, pseudonym, nowMs };
    return [[pair.target, { ...both, password: passwords.turn }]];
  }
}

async function untilDone(round: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && (await round()));
}

const newcomersOf = ({ mover, queue }: TwoWayParts, turns: TurnsDeps): NewcomersDeps => ({
  ...turns,
  mover,
  queue,
});

/** As whom we call at each target: asked once. */
function ownUserIds({ targets }: TwoWayParts) {
  const known = new Map<string, Promise<string | undefined>>();
  return (target: string): Promise<string | undefined> => {
    const asked =
      known.get(target) ??
      Promise.resolve(targets.connection(target)?.ownUserId?.()).catch(() => {
        known.delete(target);
        return undefined;
      });
    known.set(target, asked);
    return asked;
  };
}
