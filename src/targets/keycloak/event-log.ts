/**
 * The events that a realm stores, read again: what people did (`/events`) and what was done to them (`/admin-events`), as one
 * list by time. Each is read on from the last moment that was read, never by counting: what is stored is deleted from its
 * beginning, and of one moment it comes in any order. Seen at 26.7.3.
 */
import { FootbridgeError } from '../../errors.ts';
import type { TargetEvent, TargetWebhook } from '../webhook.ts';
import type { KeycloakApi } from './api.ts';
import { ADMIN_RESOURCES, fromAdminEvent, fromUserEvent, USER_EVENTS } from './events.ts';
import { KeycloakError, unlessForbidden } from './keycloak-error.ts';

type Replay = NonNullable<TargetWebhook['replay']>;

/** Of each list. With what administrators sent in them, more could be more than an answer may have. */
const PAGE = 200;
/** So many of one moment are told apart; what exceeds that is left to the comparison of both sides. */
const MAX_SAME_MOMENT = 2_000;

interface Stored {
  readonly id: string;
  readonly timeMs: number;
  /** Undefined: nothing that concerns us. */
  readonly event: TargetEvent | undefined;
}

/** Everything before `fromMs` was read, and of that moment these. */
interface Cursor {
  readonly fromMs: number;
  readonly seen: ReadonlySet<string>;
}

interface Batch {
  readonly stored: readonly Stored[];
  /** There are no more. */
  readonly isEnd: boolean;
}

interface Log {
  readonly path: string;
  readonly filter: readonly (readonly [string, string])[];
  readonly read: (document: unknown) => TargetEvent | undefined;
}

const LOGS: readonly Log[] = [
  {
    path: '/events',
    filter: Object.keys(USER_EVENTS).map((type) => ['type', type] as const),
    read: fromUserEvent,
  },
  {
    path: '/admin-events',
    filter: ADMIN_RESOURCES.map((type) => ['resourceTypes', type] as const),
    read: fromAdminEvent,
  },
];

/** Throws KeycloakError, and target_refused where the realm stores no events, or does not show them to us. */
export function replayOf(api: KeycloakApi): Replay {
  /** Where the page before this one ended. */
  let reached:
    | { readonly sinceMs: number; readonly page: number; readonly cursors: readonly Cursor[] }
    | undefined;

  const begin = async (sinceMs: number) => {
    await allowed(() => checkConfig(api));
    return LOGS.map((): Cursor => ({ fromMs: sinceMs, seen: new Set() }));
  };
  const cursorsOf = async (sinceMs: number, page: number): Promise<readonly Cursor[]> => {
    if (page <= 1) return begin(sinceMs);
    if (reached?.sinceMs === sinceMs && reached.page === page - 1) return reached.cursors;
    let cursors = await begin(sinceMs);
    for (let at = 1; at < page; at += 1) cursors = [...(await nextPage(api, cursors)).cursors];
    return cursors;
  };

  return async (since, page) => {
    const sinceMs = Math.max(0, since.getTime() || 0);
    const { events, cursors, isLast } = await nextPage(api, await cursorsOf(sinceMs, page));
    reached = isLast ? undefined : { sinceMs, page, cursors };
    return { events, isLast };
  };
}

async function nextPage(api: KeycloakApi, cursors: readonly Cursor[]) {
  const batches = await Promise.all(LOGS.map((log, at) => allowed(() => batchOf(api, log, cursors[at]!))));
  // What comes later than the end of a list that goes on may be preceded by what was not read of that one.
  const boundMs = Math.min(
    ...batches.map(({ stored, isEnd }) => (isEnd ? Number.POSITIVE_INFINITY : (stored.at(-1)?.timeMs ?? 0))),
  );
  const taken = batches.map(({ stored }) => stored.filter(({ timeMs }) => timeMs <= boundMs));
  const events = taken
    .flat()
    .sort((a, b) => a.timeMs - b.timeMs)
    .flatMap(({ event }) => event ?? []);
  const next = cursors.map((cursor, at) => advanced(cursor, taken[at]!));
  return { events, cursors: next, isLast: batches.every(({ isEnd }) => isEnd) };
}

function advanced(cursor: Cursor, taken: readonly Stored[]): Cursor {
  const last = taken.at(-1);
  if (!last) return cursor;
  const same = taken.filter(({ timeMs }) => timeMs === last.timeMs).map(({ id }) => id);
  const seen = new Set([...(last.timeMs === cursor.fromMs ? cursor.seen : []), ...same]);
  return seen.size > MAX_SAME_MOMENT
    ? { fromMs: last.timeMs + 1, seen: new Set() }
    : { fromMs: last.timeMs, seen };
}

async function batchOf(api: KeycloakApi, { path, filter, read }: Log, cursor: Cursor): Promise<Batch> {
  const max = PAGE + cursor.seen.size;
  const query = new URLSearchParams([
    ...filter.map(([name, value]): [string, string] => [name, value]),
    ['dateFrom', String(cursor.fromMs)],
    ['direction', 'asc'],
    ['max', String(max)],
  ]);
  const { document } = await api.call<unknown>('GET', `${path}?${query}`);
  if (!Array.isArray(document)) throw strange(path);
  const all = document.map((one) => storedOf(one, read, path));
  if (all.some(({ timeMs }, at) => at > 0 && timeMs < all[at - 1]!.timeMs)) {
    const detail = 'keycloak: it does not list its events from the oldest on, as 26.7.3 does';
    throw new FootbridgeError('target_refused', { detail });
  }
  return { stored: all.filter(({ id }) => !cursor.seen.has(id)), isEnd: all.length < max };
}

/** One that cannot be read must not keep us from the others; it has a time all the same. */
function storedOf(document: unknown, read: Log['read'], path: string): Stored {
  const { id, time } = (document ?? {}) as { readonly id?: unknown; readonly time?: unknown };
  if (typeof time !== 'number' || !Number.isSafeInteger(time) || time < 0) throw strange(path);
  const event = read(document);
  const isOurs = event !== undefined && event.about.kind !== 'nothing-of-ours';
  return {
    id: typeof id === 'string' && id !== '' ? id : (event?.id ?? JSON.stringify(document)),
    timeMs: time,
    event: isOurs ? event : undefined,
  };
}

const strange = (path: string) =>
  new KeycloakError({ status: 200, message: `GET ${path} does not answer with a list of events` });

/** `RealmEventsConfigRepresentation`. */
interface EventsConfig {
  readonly eventsEnabled?: boolean;
  readonly adminEventsEnabled?: boolean;
  /** Empty: all. */
  readonly enabledEventTypes?: readonly string[];
}

/** What is not stored cannot be read, and an empty list does not show it. */
async function checkConfig(api: KeycloakApi): Promise<void> {
  const { document } = await api.call<EventsConfig>('GET', '/events/config');
  const { eventsEnabled, adminEventsEnabled, enabledEventTypes: types = [] } = document ?? {};
  const missing = types.length > 0 ? Object.keys(USER_EVENTS).filter((type) => !types.includes(type)) : [];
  const off = [
    ...(eventsEnabled ? [] : ['user events are not saved (Realm settings, Events, User events settings)']),
    ...(adminEventsEnabled
      ? []
      : ['admin events are not saved (Realm settings, Events, Admin events settings)']),
    ...(missing.length > 0 ? [`these user events are not saved: ${missing.join(', ')}`] : []),
  ];
  if (off.length > 0) throw new FootbridgeError('target_refused', { detail: `keycloak: ${off.join('; ')}` });
}

const MAY_NOT_READ = 'keycloak: our client lacks the role view-events of realm-management';
const allowed = <T>(work: () => Promise<T>): Promise<T> => unlessForbidden(MAY_NOT_READ, work);
