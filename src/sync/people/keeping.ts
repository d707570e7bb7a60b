/** What both sides have after a turn, and what became of what somebody had changed: written in one statement for all of them. */
import { comparedManyPart } from '../../migration/reconcile/compared.ts';
import { digestsOf } from '../../migration/reconcile/marks.ts';
import type { Json } from '../../store/audit-log.ts';
import { auditEachPart } from '../../store/audit-log.ts';
import type { Db } from '../../store/db.ts';
import type { Keyring } from '../../store/encryption.ts';
import type { Part } from '../../store/statement.ts';
import type { PairSettings } from '../sync-settings.ts';
import type { NewConflict } from './conflicts.ts';
import { conflictsPart, settledPart } from './conflicts.ts';
import type { Side } from './deciding.ts';
import type { SyncField } from './fields.ts';
import { authorityOf } from './looking.ts';
import type { PasswordDealt } from './password-turn.ts';
import type { Plan } from './planning.ts';
import { isWriting } from './planning.ts';
import type { PersonState, Written } from './states.ts';
import { writePart } from './states.ts';
import { unequalAfter } from './unequal.ts';

export interface KeepingDeps {
  readonly db: Db;
  readonly keyring: Keyring;
  readonly pair: PairSettings;
  readonly pseudonym: (sub: string) => Buffer;
  readonly nowMs: () => number;
}

interface Keeping {
  readonly versions: ReadonlyMap<string, number>;
  readonly passwords: ReadonlyMap<Plan, PasswordDealt>;
}

/** What both have now, in one statement for all of them; the subjects of those whom nobody else has written meanwhile. */
export async function keep(
  deps: KeepingDeps,
  plans: readonly Plan[],
  { versions, passwords }: Keeping,
): Promise<ReadonlySet<string>> {
  if (plans.length === 0) return new Set();
  const { db, keyring, pair, pseudonym } = deps;
  const now = new Date(deps.nowMs());
  const written = plans.map((plan): Written => {
    const { person, decision, refused } = plan;
    const { state, sub, found, marking } = person;
    const wrote = plan.profile.length > 0 || plan.isActive !== undefined || plan.grants !== undefined;
    const password = passwords.get(plan);
    return {
      sub,
      isSynced: decision.unwritable.length === 0 && !decision.conflicts.some(({ winner }) => !winner),
      state: {
        ...state,
        version: versions.get(sub) ?? state.version,
        of: marking.of,
        fields: decision.base,
        refused,
        intended: undefined,
        password: password?.kind === 'dealt' ? password.noted : state.password,
        readAt: found ? person.lookedAt : state.readAt,
        wroteAt: wrote ? now : state.wroteAt,
        goneSince: null,
        hasLeft: false,
        unequal: unequalAfter(plan, authorityOf(pair, person.row)),
      },
    };
  });
  const parts: Part[] = [writePart(pair.target, written)];
  const conflicts = plans.flatMap((plan) => openConflicts(deps, plan));
  if (conflicts.length > 0) parts.push(conflictsPart(keyring, pair.target, conflicts));
  const settled = plans.flatMap(settledOf);
  if (settled.length > 0) parts.push(settledPart(pair.target, settled));
  const equal = plans.filter(isAsLegacySays);
  if (equal.length > 0)
    parts.push(
      comparedManyPart(
        pair.target,
        equal.map(({ person }) => ({
          sub: person.sub,
          digests: digestsOf(keyring, pair.target, {
            ...person.user,
            targetUserId: person.state.targetUserId,
          }),
        })),
      ),
    );
  const audited = plans.filter(isWriting);
  if (audited.length > 0) parts.push(...auditParts(audited, { pseudonym, target: pair.target }));
  const rows = await db.runParts<{ sub: string }>(parts, 'select sub from people_written');
  return new Set(rows.map(({ sub }) => sub));
}

/** For the next reconciliation: the target has what the legacy store says, in all that it can hold. */
const isAsLegacySays = ({ person, decision }: Plan) =>
  person.found !== undefined &&
  person.entry.user.state === 'active' &&
  decision.toLegacy.length === 0 &&
  decision.unwritable.length === 0 &&
  decision.conflicts.every(({ winner }) => winner === 'legacy');

/** Conflicts that a rule has decided, as parts of the statement that notes what is about to be written. */
export function decidedPart(
  { keyring, target }: { readonly keyring: Keyring; readonly target: string },
  plans: readonly Plan[],
): Part[] {
  const decided = plans.flatMap((plan) => conflictsIn(plan).filter(({ winner }) => winner));
  return decided.length > 0 ? [conflictsPart(keyring, target, decided)] : [];
}

/** Those that a person has to decide, and what nobody has seen. */
function openConflicts({ pair }: KeepingDeps, plan: Plan): NewConflict[] {
  const open = conflictsIn(plan).filter(({ winner }) => !winner);
  const { sub, turn, state } = plan.person;
  const { othersAt } = turn.hint;
  const isUnseen =
    othersAt !== undefined && isWithinWrite(Date.parse(othersAt), state, pair.clock.toleranceSeconds);
  if (!isUnseen || plan.decision.conflicts.length > 0) return open;
  return [...open, { sub, field: 'profile', kind: 'unseen', winner: 'legacy', targetAt: new Date(othersAt) }];
}

function conflictsIn({ person, decision }: Plan): NewConflict[] {
  const { sub, turn } = person;
  const { legacyAt, targetAt } = turn.hint;
  const moments = {
    legacyAt: legacyAt === undefined ? undefined : new Date(legacyAt),
    targetAt: targetAt === undefined ? undefined : new Date(targetAt),
  };
  return decision.conflicts.map(({ field, kind, legacy, target, winner }): NewConflict => {
    return { sub, field, kind, values: { legacy, target }, winner, ...moments };
  });
}

/** Somebody else has changed the target's user between our reading and our writing: what it was nobody knows. */
function isWithinWrite(atMs: number, { readAt, wroteAt }: PersonState, toleranceSeconds: number): boolean {
  if (!readAt || !wroteAt || wroteAt < readAt) return false;
  const tolerance = toleranceSeconds * 1_000;
  return atMs >= readAt.getTime() - tolerance && atMs <= wroteAt.getTime() + tolerance;
}

/** Conflicts that somebody had to decide, and that are over. */
function settledOf({ person, decision }: Plan): { sub: string; field: SyncField; by: Side }[] {
  return [...person.asked.keys()].flatMap((field) => {
    const isOpen = decision.conflicts.some((one) => one.field === field && !one.winner);
    if (isOpen || !person.target || decision.unwritable.includes(field)) return [];
    return [{ sub: person.sub, field, by: decision.toLegacy.includes(field) ? 'target' : 'legacy' }];
  });
}

function auditParts(
  plans: readonly Plan[],
  { pseudonym, target }: { readonly pseudonym: (sub: string) => Buffer; readonly target: string },
): Part[] {
  const details = plans.map(
    ({ decision }): Json => ({ target, toTarget: [...decision.toTarget], toLegacy: [...decision.toLegacy] }),
  );
  return [
    {
      name: 'people_changed',
      text: `select a.subject, a.detail::jsonb as detail from unnest($1::bytea[], $2::text[]) as a(subject, detail)`,
      values: [
        plans.map(({ person }) => pseudonym(person.sub)),
        details.map((detail) => JSON.stringify(detail)),
      ],
    },
    auditEachPart({ actor: 'sync', action: 'sync.wrote' }, 'people_changed'),
  ];
}
