/** Who has to be told of an ending: one row of `ending_errands` for each of them and each of their sessions. */
import type { Part } from '../../store/statement.ts';
import type { EndingRequest, Recipients } from './ending.ts';

/** A session that nobody has to be told of, because who asked for the ending named it; without one, all of theirs. */
const spared = (name: string, ...sessions: readonly (readonly [value: string, given: string])[]): string => {
  const anyOf = sessions.map(([value, given]) => `${value} = any(${given})`).join(' or ');
  const none = sessions.map(([, given]) => `${given} is null`).join(' and ');
  return `(${name} and (${[none, anyOf].filter(Boolean).join(' or ')}))`;
};

const UIDS = '$7::bytea[]';
const [SIDS, ROWS, TARGET_IDS] = ['$8::text[]', '$10::bytea[]', '$12::text[]'];
const CLIENT = spared('a.key = $6::text', ['o.uid', UIDS], [`a.value ->> 'sid'`, SIDS]);
const LEGACY = spared('app = $9::text', ['op_session', UIDS], ['id', ROWS]);
const TARGET = spared('target = $11::text', ['op_session', UIDS], ['id', TARGET_IDS]);
/** Where the person was named, who named them has seen to all of their sessions. */
const LEGACY_ALTOGETHER = `(app = $9::text and ${UIDS} is null and ${ROWS} is null)`;
const TARGET_ALTOGETHER = `(target = $11::text and ${UIDS} is null and ${TARGET_IDS} is null)`;
const IS_DUE = `(($5::boolean and (select is_news from ending_news)) or (select "opSessions" + "legacySessions" + "targetSessions" > 0 from ending_sums))`;

const TEXT = `select 'client' as kind, a.key as name, o.sub, a.value ->> 'sid' as handle
    from ending_ops o cross join lateral jsonb_each(o.authorizations) a
    where a.key = any($1::text[]) and a.value ->> 'sid' is not null and ${CLIENT} is not true
  union
  select 'legacy', app, sub, handle from ended_legacy
    where app = any($2::text[]) and (handle is not null or app = any($3::text[])) and ${LEGACY} is not true
  union
  select 'legacy', app, sub, null from ending_people cross join unnest($3::text[]) app
    where ${IS_DUE} and ${LEGACY_ALTOGETHER} is not true
  union
  select 'target', target, coalesce(sub, ''), id from ended_targets
    where target = any($4::text[]) and ${TARGET} is not true
  union
  select 'target', target, sub, null from ending_accounts
    where target = any($4::text[]) and ${IS_DUE} and ${TARGET_ALTOGETHER} is not true`;

/**
 * A part named `ending_errands (kind, name, sub, handle)`. Reads `ending_ops`, `ending_people`, `ended_legacy`,
 * `ended_targets`, `ending_accounts`, `ending_sums` and `ending_news (is_news)`. `isNamed`: those who can end all of a person's sessions are told
 * even where we know of none.
 */
export function errandsPart(
  { clients, apps, appsByPerson, targets }: Recipients,
  { initiator, selection }: EndingRequest,
  { isNamed }: { readonly isNamed: boolean },
): Part {
  const asker = (kind: string) => (initiator?.kind === kind ? initiator.name : null);
  const uids = selection.by === 'op-session' ? [selection.uid] : null;
  const sids = selection.by === 'client' ? [selection.sid] : null;
  const rows = selection.by === 'legacy' ? selection.ids : null;
  const ids = selection.by === 'target' ? [selection.id] : null;
  return {
    name: 'ending_errands',
    text: TEXT,
    values: [
      ...[clients, apps, appsByPerson, targets, isNamed],
      ...[asker('client'), uids, sids],
      ...[asker('legacy'), rows],
      ...[asker('target'), ids],
    ],
  };
}
