/** What this room keeps about one person. */
import type { Trace } from '../store/traces.ts';
import { MACS, SUB } from '../store/traces.ts';
import { grantsOfPeople } from './records.ts';

export const providerTraces: readonly Trace[] = [
  {
    place: 'oidc_records',
    holds: 'Their sessions with us, and what was granted to apps.',
    rows: `(kind in ('Session', 'Grant') and payload ->> 'accountId' = ${SUB})
      or grant_key in (${grantsOfPeople('select sub from about')})`,
    hidden: ['id', 'grant_key', 'uid', 'payload'],
    shows: `jsonb_strip_nulls(jsonb_build_object('client', payload -> 'clientId', 'scope', payload -> 'scope',
      'loggedInAt', payload -> 'loginTs', 'clients', (select jsonb_agg(c) from
        jsonb_object_keys(case when jsonb_typeof(payload -> 'authorizations') = 'object' then payload -> 'authorizations'
          else '{}' end) as c)))`,
  },
  {
    place: 'totp_uses',
    holds: 'When a one-time code of theirs was used last.',
    rows: `subject = any(${MACS})`,
    macOf: (sub) => ['totp-use', sub],
    hidden: ['subject'],
    secret: { isOfAll: true },
  },
  {
    place: 'login_attempts',
    holds: 'How often a second factor of theirs was wrong.',
    rows: `bucket = any(${MACS})`,
    macOf: (sub) => ['login-attempt', 'factor', sub],
    hidden: ['bucket'],
  },
];
