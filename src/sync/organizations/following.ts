/**
 * Follows what happens at targets: events are taken from the inbox, organizations are read when it is time. Every node does
 * it; what one of them dies with, another goes on with. An event says only that something is to be read again, so that it
 * does not matter in which order, how often or whether at all events arrive.
 */
import { randomUUID } from 'node:crypto';
import type { ClaimTokenSettings } from '../../migration/claim-tokens/claim-settings.ts';
import { leaseDueLinks, markChanged } from '../../migration/claim-tokens/organization-links.ts';
import { appendAudit } from '../../store/audit-log.ts';
import type { Queryable } from '../../store/db.ts';
import type { Target, Targets } from '../../targets/target.ts';
import type { SealEvent, WaitingEvent } from '../inbox.ts';
import { finishEvents, takeEvents } from '../inbox.ts';
import { openReplaying } from '../replaying.ts';
import type { AttendingDeps, OrganizationSettings } from './attending.ts';
import { attend } from './attending.ts';
import { peopleOf } from './people.ts';

export interface FollowingDeps extends AttendingDeps {
  readonly targets: Pick<Targets, 'organizations' | 'webhook'> & {
    readonly all: readonly Pick<Target, 'name'>[];
  };
  readonly claimTokens: readonly ClaimTokenSettings[];
  /** Events about users: kept elsewhere when it returns. */
  readonly seal?: SealEvent;
  readonly isOnlyWay?: (target: string) => boolean;
  readonly onUserEvents?: (q: Queryable, events: readonly WaitingEvent[]) => Promise<void>;
}

export interface Following {
  /**
   * Takes what waits, and reads what is due. Call it every second or so, on every node; never again before it has ended.
   * Throws storage_unavailable.
   */
  round(): Promise<void>;
  /** Events that were waiting; how many. */
  takeEvents(): Promise<number>;
  /** Organizations whose turn it is, so many at most; how many. */
  refreshDue(limit: number): Promise<number>;
}

const EVENTS_AT_ONCE = 200;
/** Organizations that are read at once on this node. */
const AT_ONCE = 4;
/** Events are looked for in between. */
const ROUND_ORGANIZATIONS = 100;

export function openFollowing(deps: FollowingDeps): Following {
  const { db, targets, claimTokens } = deps;
  const replaying = openReplaying(deps);
  const settings = new Map(
    claimTokens.flatMap(({ target, organizations }) =>
      organizations && targets.organizations(target) ? [[target, organizations] as const] : [],
    ),
  );

  const takeAll = async (): Promise<number> => {
    for (let total = 0; ; ) {
      const taken = await db.transaction((tx) => take(tx, deps));
      total += taken;
      if (taken < EVENTS_AT_ONCE) return total;
    }
  };
  const refreshDue = (limit: number) => refresh(deps, settings, limit);
  return {
    takeEvents: takeAll,
    refreshDue,
    async round() {
      await takeAll();
      await refreshDue(ROUND_ORGANIZATIONS);
      await replaying.round();
    },
  };
}

/** What they lead to is written with their being done, or not at all. */
async function take(tx: Queryable, deps: FollowingDeps): Promise<number> {
  const events = await takeEvents(tx, EVENTS_AT_ONCE);
  if (events.length === 0) return 0;
  const users = events.filter(({ about }) => about.kind === 'user');
  if (users.length > 0) await deps.onUserEvents?.(tx, users);
  const people = events.filter(isOfPerson);
  const organizations = events.filter(({ about }) => ORGANIZATION_EVENTS.includes(about.kind));
  await markChanged(
    tx,
    organizations.map(({ target, about }) => ({ target, targetOrganizationId: about.id })),
  );
  for (const event of people) await notePerson(tx, deps, event);
  await finishEvents(tx, events);
  return events.length;
}

const ORGANIZATION_EVENTS: readonly WaitingEvent['about']['kind'][] = [
  'memberships',
  'organization-connection',
];
const isOfPerson = ({ about }: WaitingEvent) => about.kind === 'person-connection';

async function notePerson(tx: Queryable, { pseudonym }: FollowingDeps, event: WaitingEvent): Promise<void> {
  const { target, name, about } = event;
  const sub = (await peopleOf(tx, target, [about.id])).get(about.id);
  await appendAudit(tx, {
    actor: `target:${target}`,
    action: 'person.connection-changed',
    ...(sub === undefined ? {} : { subject: pseudonym(sub) }),
    detail: { target, targetUserId: about.id, event: name },
  });
}

async function refresh(
  deps: FollowingDeps,
  settings: ReadonlyMap<string, OrganizationSettings>,
  limit: number,
): Promise<number> {
  let count = 0;
  const work = async () => {
    while (count < limit) {
      count += 1;
      // One at a time: a lease does not run while its organization waits for its turn.
      const lease = randomUUID();
      const [link] = await leaseDueLinks(deps.db, { lease, targets: [...settings.keys()], limit: 1 });
      const own = link && settings.get(link.target);
      if (!own) {
        count -= 1;
        return;
      }
      await attend(deps, link, own);
    }
  };
  if (settings.size === 0) return 0;
  const done = await Promise.allSettled(Array.from({ length: AT_ONCE }, work));
  const failure = done.find((one) => one.status === 'rejected');
  if (failure) throw failure.reason;
  return count;
}
