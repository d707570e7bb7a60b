/**
 * The table `session_endings`, and the one statement of an ending: it finds the provider's sessions, removes them and what
 * was granted under them, ends the sessions at legacy apps and targets that belong to them, and writes down who has to be
 * told. All of it or nothing.
 */
import { randomUUID } from 'node:crypto';
import { endingAccountsPart } from '../../migration/ledger.ts';
import { auditPart } from '../../store/audit-log.ts';
import type { Db, Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Part } from '../../store/statement.ts';
import { endedLegacyPart, endingFromLegacyPart, endingFromOpPart } from '../registry.ts';
import type { SessionSettings } from '../session-settings.ts';
import { endedTargetsPart, endingFromTargetPart } from '../target-sessions.ts';
import { toldPart } from './deliveries.ts';
import type {
  Ended,
  EndingCause,
  EndingRequest,
  EndingScope,
  Endings,
  OpSessionParts,
  Recipients,
} from './ending.ts';
import { errandsPart } from './errands.ts';

export interface EndingsDeps {
  readonly db: Db;
  readonly recipients: Recipients;
  readonly opSessions: OpSessionParts;
  readonly settings: Pick<SessionSettings, 'logoutEnds'>;
  /** Of the audit log. */
  readonly pseudonym: (sub: string) => Buffer;
  /** Somebody may have to be told now. */
  readonly kick: () => void;
  /** For metrics; without numbers where the ending was part of a larger statement. */
  readonly onEnded?: (ending: { readonly cause: EndingCause; readonly ended?: Ended }) => void;
}

/** Causes that are about a person, whatever they do with which session. They go into the audit log. */
const ABOUT_PEOPLE: ReadonlySet<EndingCause> = new Set([
  'operator',
  'password-changed',
  'deactivated',
  'removed',
]);

export function openEndings(deps: EndingsDeps): Endings {
  const { db, kick, onEnded } = deps;
  return {
    async end(request) {
      const id = randomUUID();
      const [sums] = await db.runParts<Omit<Ended, 'id'>>(
        endingParts(deps, request, id),
        'select s.*, (select count(*)::int from ending_told) as deliveries from ending_sums s',
      );
      const ended = { opSessions: 0, legacySessions: 0, targetSessions: 0, deliveries: 0, ...sums, id };
      if (ended.deliveries > 0) kick();
      const changed = ended.opSessions + ended.legacySessions + ended.targetSessions + ended.deliveries;
      if (changed > 0) onEnded?.({ cause: request.cause, ended });
      return ended;
    },
    parts(request) {
      const id = randomUUID();
      const afterCommit = () => {
        kick();
        onEnded?.({ cause: request.cause });
      };
      return { id, parts: endingParts(deps, request, id), afterCommit };
    },
  };
}

function endingParts(deps: EndingsDeps, request: EndingRequest, id: string): Part[] {
  const { selection, everything = false, isBulk = false } = request;
  const scope = scopeOf(deps, request);
  const from =
    selection.by === 'legacy'
      ? [endingFromLegacyPart(selection.ids)]
      : selection.by === 'target'
        ? [endingFromTargetPart(selection)]
        : selection.by === 'op-session'
          ? [endingFromOpPart(selection.uid)]
          : [];
  return [
    ...from,
    ...deps.opSessions.select({ selection, scope, skipsLocked: isBulk || selection.by === 'any' }),
    peoplePart(request, scope),
    ...deps.opSessions.remove({ everything }),
    endedLegacyPart(id, selection.by === 'legacy' ? selection.ids : []),
    endedTargetsPart(id, selection.by === 'target' ? selection : undefined, sparedTarget(request)),
    SUMS,
    endingAccountsPart(),
    newsPart(request),
    errandsPart(deps.recipients, request, { isNamed: isNamed(request) }),
    endingRow(request, id, scope),
    toldPart(id, isBulk || selection.by === 'any' ? 1 : 0),
    ...auditParts(deps, request, { id, scope }),
  ];
}

/** Whoever has set a new password at a target is logged in there with it, and stays so. */
const sparedTarget = ({ cause, initiator }: EndingRequest): string | undefined =>
  cause === 'password-changed' && initiator?.kind === 'target' ? initiator.name : undefined;

function scopeOf({ settings }: EndingsDeps, { scope, cause, selection }: EndingRequest): EndingScope {
  if (scope) return scope;
  // Nobody has asked for it: their sessions in other browsers are none of this one's business.
  if (cause === 'replaced') return 'session';
  return ABOUT_PEOPLE.has(cause) || selection.by === 'person' ? 'person' : settings.logoutEnds;
}

/** Then also those are told who may know of sessions that we do not. */
const isNamed = ({ cause, selection }: EndingRequest): boolean =>
  ABOUT_PEOPLE.has(cause) && selection.by === 'person';

/** Two apps that say again what they are told would go on for ever: nobody is told the same twice a minute. */
const newsPart = ({ cause, selection }: EndingRequest): Part => ({
  name: 'ending_news',
  text: `select not exists (select from session_endings where sub = $1::text and cause = $2::text
    and cause <> 'operator' and created_at > now() - interval '1 minute') as is_news`,
  values: [selection.by === 'person' ? selection.sub : null, cause],
});

/** Named `ending_people (sub)`: of whom everything ends; nobody where the scope is a session. */
function peoplePart({ selection }: EndingRequest, scope: EndingScope): Part {
  if (scope === 'session')
    return { name: 'ending_people', text: 'select null::text as sub where false', values: [] };
  const from =
    selection.by === 'legacy' || selection.by === 'target' ? 'union select sub from ending_from' : '';
  return {
    name: 'ending_people',
    text: `select sub from (select sub from ending_ops union select $1::text ${from}) p where sub is not null`,
    values: [selection.by === 'person' ? selection.sub : null],
  };
}

const SUMS: Part = {
  name: 'ending_sums',
  text: `select (select count(*)::int from ending_ops) as "opSessions", (select count(*)::int from ended_legacy) as "legacySessions",
    (select count(*)::int from ended_targets) as "targetSessions"`,
  values: [],
};

/** Nothing ended and nobody to tell: no ending. But that somebody's is over is kept: what is older lets nobody in. */
function endingRow(request: EndingRequest, id: string, scope: EndingScope): Part {
  const { cause, actor } = request;
  return {
    name: 'ending_row',
    text: `insert into session_endings (id, cause, actor, scope, sub, ended)
      select $1::uuid, $2::text, $3::text, $4::text, case when p.people = 1 then p.sub end, to_jsonb(s)
      from ending_sums s, (select count(distinct sub) as people, min(sub) as sub from (
        select sub from ending_ops union all select sub from ended_legacy union all select sub from ended_targets
        union all select sub from ending_people) all_subs) p
      where s."opSessions" + s."legacySessions" + s."targetSessions" > 0 or ($5::boolean and (select is_news from ending_news)) or exists (select from ending_errands)
      returning id`,
    values: [id, cause, actor, scope, isNamed(request)],
  };
}

function auditParts(
  { pseudonym }: EndingsDeps,
  { cause, actor, selection }: EndingRequest,
  { id, scope }: { readonly id: string; readonly scope: EndingScope },
): Part[] {
  if (!ABOUT_PEOPLE.has(cause)) return [];
  const subject = selection.by === 'person' ? { subject: pseudonym(selection.sub) } : {};
  const detail = { ending: id, cause, scope, selected: selection.by };
  return [auditPart({ actor, action: 'sessions.ended', ...subject, detail }, 'ending_row')];
}

export interface ListedEnding {
  readonly id: string;
  readonly cause: EndingCause;
  readonly actor: string;
  readonly scope: EndingScope;
  readonly ended: Pick<Ended, 'opSessions' | 'legacySessions' | 'targetSessions'>;
  readonly createdAt: Date;
}

const OF_SUB =
  statement(`select id, cause, actor, scope, ended, created_at as "createdAt" from session_endings
  where sub = $1 order by created_at desc limit $2`);
/** What ended of one person's, newest first. */
export const endingsOfPerson = (q: Queryable, sub: string, limit: number): Promise<ListedEnding[]> =>
  q.run<ListedEnding>(OF_SUB, [sub, limit]);

const PERSON_ENDED = statement(`select extract(epoch from max(created_at))::float8 as at from session_endings
  where sub = $1 and scope = 'person' and cause = any($2::text[])`);
/** When all that this person had was ended last, by whoever meant the person; seconds since the epoch. */
export async function personEndedAt(q: Queryable, sub: string): Promise<number | undefined> {
  const [row] = await q.run<{ at: number | null }>(PERSON_ENDED, [sub, [...ABOUT_PEOPLE]]);
  return row?.at ?? undefined;
}

/** At most $1 rows that are older than $2 days. */
export const SWEEP_ENDINGS = statement(`with gone as (delete from session_endings where id in (
    select id from session_endings where created_at < now() - make_interval(days => $2::int) limit $1::int) returning 1)
  select count(*)::int as gone from gone`);

const RECENT =
  statement(`select id, cause, actor, scope, sub, ended, created_at as "createdAt" from session_endings
  where $1::text is null or cause = $1::text order by created_at desc limit $2`);
/** Of anybody's, newest first; of one cause if it is named. `sub` is null where it was many people's. */
export const recentEndings = (
  q: Queryable,
  { cause, limit }: { readonly cause?: EndingCause | undefined; readonly limit: number },
): Promise<(ListedEnding & { readonly sub: string | null })[]> => q.run(RECENT, [cause ?? null, limit]);

const COUNTED =
  statement(`select cause, count(*)::int as endings, sum((ended ->> 'opSessions')::int)::int as "opSessions"
  from session_endings where created_at > now() - make_interval(hours => $1::int) group by cause order by 2 desc, 1`);
/** How many of which cause in these last hours. */
export const countEndings = (
  q: Queryable,
  hours: number,
): Promise<{ readonly cause: EndingCause; readonly endings: number; readonly opSessions: number }[]> =>
  q.run(COUNTED, [hours]);
