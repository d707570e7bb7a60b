/**
 * The provider's sessions as parts of an ending: everybody's sessions end in one statement. A session is found by its uid
 * and locked, so that one which gets a new id at this moment ends under that one; whoever comes later finds nothing to change.
 */
import type { OpSessionParts, Selection } from '../sessions/ending/ending.ts';
import type { Part } from '../store/statement.ts';
import { grantsOfPeople, grantsTaken, peoplesSessions, sessionsTaken } from './records.ts';

export const opSessionParts: OpSessionParts = { select, remove };

const FROM = 'uid = any(array(select op_session from ending_from where op_session is not null))';

/** A condition on the provider's sessions, how many at most, and the values of both. */
function conditionOf(selection: Selection): readonly [where: string, ...values: unknown[]] {
  switch (selection.by) {
    case 'person':
      return [`payload ->> 'accountId' = $1::text`, selection.sub];
    case 'client':
      return [
        `payload -> 'authorizations' @> jsonb_build_object($1::text, jsonb_build_object('sid', $2::text))`,
        selection.clientId,
        selection.sid,
      ];
    case 'any':
      return [
        `($1::text is null or payload -> 'authorizations' ? $1::text) limit $2::int`,
        selection.clientId ?? null,
        selection.limit,
      ];
    default:
      return [FROM];
  }
}

function select({ selection, scope, skipsLocked }: Parameters<OpSessionParts['select']>[0]): Part[] {
  const [where, ...values] = conditionOf(selection);
  const inOrder = selection.by === 'any' ? '' : 'order by uid';
  const lock = skipsLocked ? 'for update skip locked' : 'for update';
  if (scope === 'session' || selection.by === 'person')
    return [{ name: 'ending_ops', text: `${peoplesSessions(`${where} ${inOrder}`)} ${lock}`, values }];
  const isFrom = selection.by === 'legacy' || selection.by === 'target';
  const people = `select sub from ending_chosen ${isFrom ? 'union select sub from ending_from' : ''}`;
  const theirs = `payload ->> 'accountId' = any(array(${people})) order by uid`;
  return [
    { name: 'ending_chosen', text: peoplesSessions(where), values },
    { name: 'ending_ops', text: `${peoplesSessions(theirs)} ${lock}`, values: [] },
  ];
}

function remove({ everything }: { readonly everything: boolean }): Part[] {
  const people = `union ${grantsOfPeople('select sub from ending_people')} and $1::boolean`;
  return [
    { name: 'ended_ops', text: sessionsTaken('select uid from ending_ops'), values: [] },
    {
      name: 'ending_grants',
      text: `select sha256(convert_to('Grant:' || (a.value ->> 'grantId'), 'UTF8')) as id
        from ending_ops o cross join lateral jsonb_each(o.authorizations) a where a.value ->> 'grantId' is not null
          and ($1::boolean or (a.value -> 'persistsLogout') is distinct from 'true'::jsonb) ${people}`,
      values: [everything],
    },
    { name: 'ended_grants', text: grantsTaken('select id from ending_grants'), values: [] },
  ];
}
