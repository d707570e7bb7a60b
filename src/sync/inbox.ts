/** The table `target_events`: what targets tell, once each. Nothing in it is believed: it says only what to read again. */
import { FootbridgeError } from '../errors.ts';
import type { Queryable } from '../store/db.ts';
import { statement } from '../store/db.ts';
import type { TargetEvent } from '../targets/webhook.ts';
import type { NewPassword } from './passwords/sealing.ts';

type About = TargetEvent['about'];

/** An event that waits. */
export interface WaitingEvent {
  readonly target: string;
  readonly id: string;
  readonly name: string;
  readonly about: { readonly kind: Exclude<About['kind'], 'nothing-of-ours'>; readonly id: string };
  /** By the target's clock, or when it came where that was not told. */
  readonly at: Date;
  /** Of events about users. */
  readonly detail?: UserEventDetail;
}

export interface UserEventDetail {
  readonly change: Extract<About, { readonly kind: 'user' }>['change'];
  readonly editor?: string;
  /** The new hash, sealed. */
  readonly sealed?: string;
}

/** How what an event brings of secrets is kept. */
export type SealEvent = (
  target: string,
  about: { readonly targetUserId: string; readonly password: NewPassword },
) => string;

const PUT = statement(`with put as (insert into target_events (target, id, name, subject, at, detail, done_at)
    select $1, e.id, e.name, e.subject, e.at, e.detail::jsonb, case when e.subject is null then now() end
    from unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[]) as e(id, name, subject, at, detail)
    on conflict (target, id) do nothing returning 1)
  select count(*)::int as put from put`);

/**
 * Those that are not there yet; how many. What is nothing of ours is kept as well, as done. Throws bad_request for one that
 * cannot be stored, storage_unavailable.
 */
export async function putEvents(
  q: Queryable,
  target: string,
  events: readonly TargetEvent[],
  seal?: SealEvent,
): Promise<number> {
  if (!events.every(isStorable))
    throw new FootbridgeError('bad_request', { detail: 'an event with an id or name that is none' });
  const [row] = await q.run<{ put: number }>(PUT, [
    target,
    events.map(({ id }) => id),
    events.map(({ name }) => name),
    events.map(({ about }) => subjectOf(about)),
    events.map(({ at }) => (Number.isNaN(at.getTime()) ? null : at)),
    events.map(({ about }) => detailOf(target, about, seal)),
  ]);
  return row?.put ?? 0;
}

/** As the table has it. Without `seal` a hash is left out. */
function detailOf(target: string, about: About, seal?: SealEvent): string | null {
  if (about.kind !== 'user') return null;
  const { change, editor, hash, password: clear, targetUserId } = about;
  const password: NewPassword | undefined = clear ? { clear } : hash && { hash };
  const detail: UserEventDetail = {
    change,
    ...(editor === undefined || !isText(editor) ? {} : { editor }),
    ...(password && seal ? { sealed: seal(target, { targetUserId, password }) } : {}),
  };
  return JSON.stringify(detail);
}

/** The ids of any target are well below this. */
const MAX_LENGTH = 255;
const CONTROL = /[\u0000-\u001f\u007f]/;
const isText = (text: string) =>
  text !== '' && text.length <= MAX_LENGTH && !CONTROL.test(text) && text.isWellFormed();

/** PostgreSQL stores no NUL. */
export const isStorable = ({ id, name, about }: TargetEvent): boolean =>
  isText(id) && isText(name) && (about.kind === 'nothing-of-ours' || isText(idOf(about)));

const idOf = (about: Exclude<About, { readonly kind: 'nothing-of-ours' }>): string =>
  'targetUserId' in about ? about.targetUserId : about.targetOrganizationId;

/** As the table has it. */
const subjectOf = (about: About): string | null =>
  about.kind === 'nothing-of-ours' ? null : `${about.kind}/${idOf(about)}`;

const TAKE =
  statement(`select target, id, name, subject, coalesce(at, received_at) as at, detail from target_events where done_at is null
  order by received_at limit $1 for update skip locked`);

/** The longest waiting ones, which are this transaction's alone until it ends. */
export async function takeEvents(tx: Queryable, limit: number): Promise<WaitingEvent[]> {
  const rows = await tx.run<
    Omit<WaitingEvent, 'about' | 'detail'> & {
      readonly subject: string;
      readonly detail: UserEventDetail | null;
    }
  >(TAKE, [limit]);
  return rows.map(({ subject, detail, ...event }) => {
    const slash = subject.indexOf('/');
    const kind = subject.slice(0, slash) as WaitingEvent['about']['kind'];
    return { ...event, about: { kind, id: subject.slice(slash + 1) }, ...(detail ? { detail } : {}) };
  });
}

const WAITING = statement(
  'select count(*)::int as waiting from target_events where target = $1 and done_at is null',
);
export async function countEvents(q: Queryable, target: string): Promise<number> {
  return (await q.run<{ waiting: number }>(WAITING, [target]))[0]?.waiting ?? 0;
}

const OLDEST =
  statement(`select target, count(*)::int as waiting, min(received_at) as since from target_events
  where done_at is null group by target order by target`);
/** By target: how many wait, and since when the oldest one does. */
export const waitingEvents = (
  q: Queryable,
): Promise<{ readonly target: string; readonly waiting: number; readonly since: Date }[]> => q.run(OLDEST);

/** Secrets go with it: they are in the queue by now. */
const DONE = statement(`update target_events set done_at = now(), detail = detail - 'sealed'
  where (target, id) in (select * from unnest($1::text[], $2::text[]))`);

export async function finishEvents(tx: Queryable, events: readonly WaitingEvent[]): Promise<void> {
  await tx.run(DONE, [events.map(({ target }) => target), events.map(({ id }) => id)]);
}

/** Longer than any target sends an event again, and as long as somebody may ask what came. */
export const SWEEP_EVENTS = statement(`with gone as (delete from target_events where (target, id) in (
    select target, id from target_events where received_at < now() - interval '30 days' limit $1) returning 1)
  select count(*)::int as gone from gone`);
