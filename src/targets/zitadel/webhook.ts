/**
 * ZITADEL's own list of events, read again for what the hook did not hear. It has no pages: each one begins a moment
 * before the newest of the one before, and what that has told already is left out.
 */
import { FootbridgeError } from '../../errors.ts';
import { inParallel } from '../in-parallel.ts';
import type { ConnectDeps, Target } from '../target.ts';
import type { TargetEvent, TargetWebhook } from '../webhook.ts';
import type { ZitadelApi } from './api.ts';
import { openZitadelApi } from './api.ts';
import { userIdByGrant } from './grants.ts';
import { messageOf, textOf } from './hooks-messages.ts';
import { listUserEvents, send } from './messages.ts';
import { thrown } from './outcomes.ts';
import type { Happened } from './user-events.ts';
import { GRANT_ADDED, idOf, sequenceOf, userEvent } from './user-events.ts';
import { ZitadelError } from './zitadel-error.ts';

/** Undefined without `api`, and where nobody asks what becomes of users. Calls nobody yet. */
export function openZitadelWebhook(
  { api: settings }: Pick<Target, 'api'>,
  { isSynced = false }: Pick<ConnectDeps, 'isSynced'> = {},
): TargetWebhook | undefined {
  if (!settings || !isSynced) return undefined;
  const api = openZitadelApi(settings);
  return {
    // Its events come by the hook `events`, with the keys of that.
    read: () => {
      throw new FootbridgeError('not_found');
    },
    replay: openReplay(api),
    close: () => api.close(),
  };
}

const PAGE = 500;
/** ZITADEL gives no more at once (`maxLimit` in its source). */
const MAX_PAGE = 1_000;
/** A page with fewer is the last one, whatever bound of its own an instance may have. */
const LEAST_PAGE = 100;
/** Grants of a page whose user has to be asked for; what is beyond is found when all people are compared. */
const MAX_GRANTS = 200;
const ASKED_AT_ONCE = 4;

/** Where a page begins: after this moment, without those. */
interface Place {
  readonly afterMs: number;
  readonly told: ReadonlySet<string>;
}

interface Read {
  /** Oldest first. */
  readonly happened: readonly Happened[];
  readonly next: Place;
  readonly isLast: boolean;
}

/** Remembers where the pages begin that may be asked for next; any other is reached by reading what is before it again. */
function openReplay(api: ZitadelApi): NonNullable<TargetWebhook['replay']> {
  let known = { sinceMs: Number.NaN, places: new Map<number, Place>() };
  return async (since, page) => {
    const sinceMs = since.getTime();
    const isKnown = known.sinceMs === sinceMs && Math.min(...known.places.keys()) <= page;
    // From the moment before: what happened at that very moment is part of it.
    const first: Place = { afterMs: sinceMs - 1, told: new Set() };
    if (!isKnown) known = { sinceMs, places: new Map([[1, first]]) };
    const { places } = known;
    try {
      for (
        let at = places.has(page) ? page : Math.max(...[...places.keys()].filter((n) => n < page));
        ;
        at += 1
      ) {
        const { happened, next, isLast } = await readPage(api, places.get(at)!);
        places.set(at + 1, next).delete(at - 1);
        if (at === page) return { events: await eventsOf(api, happened), isLast };
        if (isLast) return { events: [], isLast };
      }
    } catch (error) {
      return refusedOr(error);
    }
  };
}

/** A page has something new in it, or is the last. Throws ZitadelError. */
async function readPage(api: ZitadelApi, { afterMs, told }: Place): Promise<Read> {
  for (let [after, limit] = [afterMs, PAGE]; ; ) {
    const events = await listed(api, { after, limit });
    const all = events.map(happenedIn).filter((one) => one !== undefined);
    const happened = all.filter((one) => !told.has(idOf(one)));
    const newest = Math.max(after, ...all.map(timeOf).filter((ms) => !Number.isNaN(ms)));
    const isStuck = happened.length === 0 && events.length >= limit && newest > after;
    if (!isStuck) {
      const isLast = happened.length === 0 || events.length < LEAST_PAGE;
      return { happened, next: behind(all, newest), isLast };
    }
    // More than fits has happened at one moment, as when a project goes with all its grants.
    if (limit < MAX_PAGE) limit = MAX_PAGE;
    else after = newest + 1;
  }
}

/** Times have parts of a millisecond there, which we do not see: those around the newest may come again. */
const behind = (all: readonly Happened[], newest: number): Place => ({
  afterMs: newest - 1,
  told: new Set(all.filter((one) => timeOf(one) >= newest - 1).map(idOf)),
});

/** `zitadel.event.v1.Event` */
interface Listed {
  readonly editor?: { readonly userId?: string };
  readonly aggregate?: { readonly id?: string; readonly type?: { readonly type?: string } };
  readonly sequence?: string;
  readonly creationDate?: string;
  readonly payload?: unknown;
  readonly type?: { readonly type?: string };
}

async function listed(
  api: ZitadelApi,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<readonly Listed[]> {
  const message = listUserEvents(new Date(after).toISOString(), limit);
  const { events = [] } = await send<{ events?: readonly Listed[] }>(api, message);
  return events;
}

/** Undefined for what is none: it must not keep us from the others. */
function happenedIn({
  editor,
  aggregate,
  sequence,
  creationDate,
  payload,
  type,
}: Listed): Happened | undefined {
  const [aggregateId, name] = [textOf(aggregate?.id), textOf(type?.type)];
  if (aggregateId === undefined || name === undefined) return undefined;
  return {
    aggregateType: aggregate?.type?.type ?? '',
    aggregateId,
    type: name,
    sequence: sequenceOf(sequence),
    createdAt: textOf(creationDate),
    editor: textOf(editor?.userId),
    payload: messageOf(payload),
  };
}

const timeOf = ({ createdAt }: Happened) => Date.parse(createdAt ?? '');

async function eventsOf(api: ZitadelApi, happened: readonly Happened[]): Promise<readonly TargetEvent[]> {
  const users = new Map<string, Promise<string | undefined>>();
  for (const { type, aggregateId, payload } of happened)
    if (type === GRANT_ADDED) users.set(aggregateId, Promise.resolve(textOf(payload.userId)));
  const most = users.size + MAX_GRANTS;
  const userOfGrant = async (grantId: string) => {
    const known = users.get(grantId);
    if (known || users.size >= most) return known;
    const asked = userIdByGrant({ api }, grantId);
    users.set(grantId, asked);
    return asked;
  };
  const events = await inParallel(happened, ASKED_AT_ONCE, (one) => userEvent(one, userOfGrant));
  return events.filter((event) => event !== undefined);
}

function refusedOr(error: unknown): never {
  if (!(error instanceof ZitadelError) || error.status !== 403) return thrown(error);
  throw new FootbridgeError('target_refused', {
    detail: 'zitadel: our token lacks the right events.read (IAM_OWNER and IAM_OWNER_VIEWER have it)',
  });
}
