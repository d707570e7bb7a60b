/** What targets tell of their users, handed to the queue: whom it is about here, and what of it is worth a look. */
import { findByTargetUsers } from '../../migration/ledger.ts';
import { hasTargetUser } from '../../migration/states.ts';
import type { Queryable } from '../../store/db.ts';
import type { Target } from '../../targets/target.ts';
import type { WaitingEvent } from '../inbox.ts';
import type { Change, ChangeQueue, Hint } from '../queue/change-queue.ts';
import { strangerOf } from '../queue/change-queue.ts';

export interface TargetEventsDeps {
  readonly queue: Pick<ChangeQueue, 'put'>;
  /** Whether changes at this target are taken down now. */
  readonly hears: (target: string) => Promise<boolean>;
  /** As whom we call there: what that one does is an echo. */
  readonly ownUserId: (target: Pick<Target, 'name'>['name']) => Promise<string | undefined>;
  /** Seals what an event brought for this person; undefined where it cannot be opened any more. */
  readonly reseal: (
    sealed: string,
    owner: { readonly target: string; readonly targetUserId: string; readonly person: string },
  ) => string | undefined;
}

type UserEvent = WaitingEvent & { readonly detail: NonNullable<WaitingEvent['detail']> };

/** Kept when it returns. Throws storage_unavailable. */
export async function putUserEvents(
  q: Queryable,
  deps: TargetEventsDeps,
  events: readonly WaitingEvent[],
): Promise<void> {
  const about = events.filter(
    (event): event is UserEvent => event.about.kind === 'user' && event.detail !== undefined,
  );
  for (const [target, own] of Map.groupBy(about, (event) => event.target)) {
    if (!(await deps.hears(target))) continue;
    const rows = await findByTargetUsers(
      q,
      target,
      own.map((event) => event.about.id),
    );
    const subs = new Map(
      rows.filter(({ state }) => hasTargetUser(state)).map((row) => [row.targetUserId, row.sub]),
    );
    const us = await deps.ownUserId(target);
    const changes = own.flatMap((event): Change[] => {
      const isOurs = us !== undefined && event.detail.editor === us;
      if (isOurs && event.detail.change !== 'removed') return [];
      const person = subs.get(event.about.id) ?? strangerOf(event.about.id);
      const hint = hintOf(deps, event, {
        person,
        isOthers: us !== undefined && event.detail.editor !== undefined && !isOurs,
      });
      return [{ source: `target:${target}`, id: event.id, target, person, lane: 'live', hint }];
    });
    if (changes.length > 0) await deps.queue.put(changes);
  }
}

function hintOf(
  { reseal }: TargetEventsDeps,
  { target, about, at, detail }: UserEvent,
  { person, isOthers }: { readonly person: string; readonly isOthers: boolean },
): Hint {
  const moment = at.toISOString();
  const others = isOthers ? { othersAt: moment } : {};
  if (detail.change === 'removed') return { removedAt: moment, targetAt: moment };
  if (detail.change === 'changed') return { targetAt: moment, ...others };
  const sealed = detail.sealed && reseal(detail.sealed, { target, targetUserId: about.id, person });
  return { targetAt: moment, passwordAt: moment, ...others, ...(sealed ? { sealedPassword: sealed } : {}) };
}
