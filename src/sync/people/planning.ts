/** What one person's two sides come to: what is to be written where, in each side's own words. */
import { APPLIED_VALUES } from '../../legacy/applied-values.ts';
import type { ApplyField, FieldChange } from '../../legacy/apply.ts';
import type { Directory } from '../../legacy/directory.ts';
import type { ProfileField, TargetConnection, TargetGrant } from '../../targets/connection.ts';
import type { Target } from '../../targets/target.ts';
import type { PairSettings } from '../sync-settings.ts';
import type { Decision, Side } from './deciding.ts';
import { believesProof, decide } from './deciding.ts';
import type { SyncField } from './fields.ts';
import { APPLIED_AS, SYNC_FIELDS, UPDATED_AS } from './fields.ts';
import type { Person } from './looking.ts';
import { authorityOf } from './looking.ts';
import type { Refused } from './states.ts';

export interface Plan {
  readonly person: Person;
  readonly decision: Decision;
  /** Fields of the target's user. */
  readonly profile: readonly ProfileField[];
  /** Undefined: it stays. */
  readonly isActive: boolean | undefined;
  readonly grants: readonly TargetGrant[] | undefined;
  /** Fields of the legacy store; empty: nothing is written there. */
  readonly applied: Readonly<Partial<Record<ApplyField, FieldChange>>>;
  readonly refused: Refused;
}

/** Whether anything is to be written at all. */
export const isWriting = ({ profile, isActive, grants, applied }: Plan) =>
  profile.length > 0 || isActive !== undefined || grants !== undefined || Object.keys(applied).length > 0;

export interface PlanningDeps {
  readonly target: Target;
  readonly connection: TargetConnection;
  readonly directory: Pick<Directory, 'applies'>;
  readonly pair: PairSettings;
  readonly nowMs: () => number;
}

/** So often a field is written in vain before it is left alone, and for how long. */
const MAX_TRIES = 3;
const REFUSED_MS = 3_600_000;

/** Whoever was let go because the legacy store had lost them, and is back there, may log in as it says. */
const rulesFor = (pair: PairSettings, { row, state }: Person) => {
  const authority = authorityOf(pair, row);
  return (field: SyncField) => (field === 'state' && state.hasLeft ? 'legacy' : authority(field));
};

export function planFor(deps: PlanningDeps, person: Person): Plan {
  const { pair } = deps;
  const { turn, legacy, target, marking, state, asked, base } = person;
  const { hint } = turn;
  const decision = decide({
    base,
    mark: (field, value) => marking.mark(field, value),
    legacy,
    target,
    authority: rulesFor(pair, person),
    canWrite: canWrite(deps, person),
    legacyAt: momentOf(hint.legacyAt) ?? pastOf(person.entry.user.updatedAt, deps.nowMs()),
    targetAt: momentOf(hint.targetAt),
    clock: { toleranceMs: pair.clock.toleranceSeconds * 1_000, tie: pair.clock.tie },
    asked,
  });
  const { toTarget } = decision;
  return {
    person,
    decision,
    profile: [...new Set(toTarget.flatMap((field) => UPDATED_AS[field] ?? []))],
    isActive: toTarget.includes('state') ? legacy.state === 'active' : undefined,
    grants: toTarget.includes('roles') ? person.user.grants : undefined,
    applied: appliedFor(deps, person, decision),
    refused: refusedAfter(person, decision, { known: state.refused, nowMs: deps.nowMs() }),
  };
}

const momentOf = (text: string | undefined) => (text === undefined ? undefined : Date.parse(text));
/** A row that is dated in the time to come says nothing: it would win for ever. */
const pastOf = (seconds: number | undefined, nowMs: number) =>
  seconds === undefined || seconds * 1_000 > nowMs + FUTURE_MS ? undefined : Math.min(seconds * 1_000, nowMs);
const FUTURE_MS = 60_000;

function canWrite({ target, connection, directory, nowMs }: PlanningDeps, person: Person) {
  const applies = directory.applies(person.sub);
  const { username } = target.users;
  const isNameReversible = username.from === 'username' && !username.dropDomain && username.suffix === '';
  const isReversible = areRolesReversible(target);
  return (side: Side, field: SyncField): boolean => {
    if (isRefused(person, field, nowMs())) return false;
    if (side === 'legacy') {
      if (field === 'username' && !isNameReversible) return false;
      if (field === 'roles' && !isReversible) return false;
      return applies.fields.has(APPLIED_AS[field]);
    }
    if (field === 'roles') return connection.setGrants !== undefined;
    return field === 'state' || connection.update !== undefined;
  };
}

/** Two legacy roles with the same grants cannot be told apart at the target. */
export function areRolesReversible({ users }: Pick<Target, 'users'>): boolean {
  const byRole = Map.groupBy(users.grants, ({ role }) => role);
  const grants = [...byRole.values()].map((rules) =>
    JSON.stringify(
      rules.map(({ project, projectGrant, roles }) => [project, projectGrant, [...roles].sort()]).sort(),
    ),
  );
  return new Set(grants).size === grants.length;
}

function isRefused({ state, marking, legacy, target }: Person, field: SyncField, nowMs: number): boolean {
  const known = state.refused[field];
  if (!known || known.tries < MAX_TRIES || known.untilMs <= nowMs) return false;
  return known.pair === marking.pair(field, legacy[field] ?? '', target?.[field] ?? '');
}

/** A field that is written again for the same two values was not kept the last time. */
function refusedAfter(
  { marking, legacy, target }: Person,
  { toTarget, toLegacy }: Decision,
  { known, nowMs }: { readonly known: Refused; readonly nowMs: number },
): Refused {
  if (!target) return known;
  const refused: Record<string, Refused[SyncField]> = {};
  for (const field of SYNC_FIELDS) {
    const before = known[field];
    const [here, there] = [legacy[field], target[field]];
    if (here === undefined || there === undefined || marking.mark(field, here) === marking.mark(field, there))
      continue;
    const pair = marking.pair(field, here, there);
    const isSame = before?.pair === pair && before.untilMs > nowMs;
    if (toTarget.includes(field) || toLegacy.includes(field))
      refused[field] = { pair, tries: isSame ? before.tries + 1 : 1, untilMs: nowMs + REFUSED_MS };
    else if (isSame) refused[field] = before;
  }
  return refused as Refused;
}

function appliedFor({ pair, target }: PlanningDeps, person: Person, { toLegacy }: Decision): Plan['applied'] {
  const { user } = person.entry;
  const authority = authorityOf(pair, person.row);
  const after = (field: SyncField): string | null => {
    if (field === 'roles') return rolesAfter(target, user.roles, person.target?.roles ?? '[]');
    const value = person.target?.[field] ?? '';
    if (field !== 'emailVerified' && field !== 'phoneVerified') return value || null;
    // The target's word on whose an address is counts only where the operator says so.
    return String(value === 'true' && believesProof(authority(field)));
  };
  return Object.fromEntries(
    toLegacy.map((field) => {
      const applied = APPLIED_AS[field];
      const before = APPLIED_VALUES[applied](user);
      const { placeholders } = target.users;
      const isPlaceholder =
        (field === 'givenName' && before === placeholders.givenName) ||
        (field === 'familyName' && before === placeholders.familyName);
      return [applied, { before: isPlaceholder ? null : before, after: after(field) }];
    }),
  );
}

/** Roles that nobody translates stay as they are. */
function rolesAfter({ users }: Target, roles: readonly string[], wanted: string): string {
  const managed = new Set(users.grants.map(({ role }) => role));
  const kept = roles.filter((role) => !managed.has(role));
  return JSON.stringify([...new Set([...kept, ...(JSON.parse(wanted) as string[])])].sort());
}
