/** What taking the people of a phase back would do, and what would be lost; nothing is changed, and only so many are looked at. */

import { assignmentsOfEach } from '../../rollout/assignments.ts';
import type { Snapshot } from '../../rollout/deciding.ts';
import type { Foresight, Group, Seen } from '../batch/undo-foresight.ts';
import { foresightOf, grouping, MAX_LOOKED, see } from '../batch/undo-foresight.ts';
import type { KeptField } from '../batch/undo-kept.ts';
import type { PasswordStanding, ReturnDeps, ReturnLook } from './return-person.ts';
import { lookBack } from './return-person.ts';
import type { ReturnMember, ReturnScope } from './return-rows.ts';
import { countReturning, sampleReturning } from './return-tally.ts';

const RECORDS = 200;
const AT_ONCE = 4;

export interface ReturnForesight extends Foresight {
  /** They were at the target before this phase, and stay as they are. */
  readonly stay: Group;
  /** What of a profile comes back to the legacy store; the rest of `fields` is only kept. */
  readonly brought: Readonly<Partial<Record<KeptField, Group>>>;
  /** Of those who would go back. */
  readonly passwords: Readonly<Record<PasswordStanding, Group>>;
  /** Another phase that goes on has them too, and would bring them again at their next login. */
  readonly elsewhere: Group;
}

interface SeenBack extends Seen {
  readonly look: ReturnLook;
  readonly isElsewhere: boolean;
}

const PASSWORDS: readonly PasswordStanding[] = ['here', 'catchable', 'lost', 'unknown'];

/** Throws target_unavailable, target_refused, legacy_unavailable, storage_unavailable, and when aborted. */
export async function foreseeReturn(
  deps: ReturnDeps,
  { scope, snapshot }: { readonly scope: ReturnScope; readonly snapshot: Snapshot },
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<ReturnForesight> {
  const people = await countReturning(deps.db, scope);
  const members = await sampleReturning(deps.db, scope, MAX_LOOKED);
  const seen: SeenBack[] = [];
  for (let at = 0; at < members.length; at += RECORDS)
    seen.push(...(await seePage(deps, { scope, snapshot, page: members.slice(at, at + RECORDS), signal })));
  const { group, groups } = grouping(seen, people);
  const goes = ({ look }: SeenBack) => look.fate.kind === 'go' && look.fate.mark !== 'reverting';
  const fields = new Set(seen.flatMap(({ look }) => Object.keys(look.bringing) as KeptField[]));
  return {
    ...{ people, looked: seen.length, isSample: seen.length < people },
    ...foresightOf(seen, people),
    tellsSessions: deps.connection.sessionsOf !== undefined,
    stay: group(({ look }) => look.fate.kind === 'leave'),
    brought: groups(fields, ({ look }, field) => field in look.bringing),
    passwords: groups(PASSWORDS, (one, standing) => goes(one) && one.look.password === standing),
    elsewhere: group((one) => goes(one) && one.isElsewhere),
  };
}

interface Looking {
  readonly scope: ReturnScope;
  readonly snapshot: Snapshot;
  readonly page: readonly ReturnMember[];
  readonly signal: AbortSignal | undefined;
}

async function seePage(deps: ReturnDeps, { scope, snapshot, page, signal }: Looking): Promise<SeenBack[]> {
  const { target } = scope;
  const subs = [...new Set(page.map(({ sub }) => sub))];
  const entries = await deps.directory.findBySubs(subs);
  const assigned = await assignmentsOfEach(deps.db, target, subs);
  const isElsewhere = (sub: string) =>
    (assigned.get(sub) ?? []).some((one) => {
      const standing = snapshot.phases.get(one.phase);
      const goesOn = standing?.state === 'running' && standing.attempt === one.attempt;
      return goesOn && !one.isBack && !scope.phases.includes(one.phase);
    });
  const seen: SeenBack[] = [];
  for (let at = 0; at < page.length; at += AT_ONCE) {
    signal?.throwIfAborted();
    const some = page.slice(at, at + AT_ONCE).map(async (member): Promise<SeenBack> => {
      const { sub } = member;
      const entry = entries.get(sub);
      const look = await lookBack(deps, { target, member, entry });
      const since = look.way.row?.createdAt ?? null;
      const one = await see(deps, { sub, since, look, entry });
      return { ...one, look, isElsewhere: isElsewhere(sub), newSecrets: secretsLost(one, look) };
    });
    seen.push(...(await Promise.all(some)));
  }
  return seen;
}

/** What is known of the password counts for more than that there is one which we have not brought. */
function secretsLost({ newSecrets }: Seen, { password, fate }: ReturnLook): Seen['newSecrets'] {
  const isRemoved = fate.kind === 'go' && fate.mark === 'removing';
  const others = newSecrets.filter((secret) => secret !== 'password');
  if (password === 'unknown' || !isRemoved) return newSecrets;
  return password === 'lost' ? ['password', ...others] : others;
}
