/** Until when somebody's old login lets them in. */
import type { Queryable } from '../../store/db.ts';
import type { LegacyEntry } from '../../user.ts';
import type { Selection } from '../batch/selection.ts';
import { matches } from '../batch/selection.ts';
import type { ClaimTokenSettings, EnforcementRule } from './claim-settings.ts';
import { exceptionPart } from './exceptions.ts';
import { pausedPart } from './rules.ts';

export type EnforcementStanding =
  /** No rule fits, it has not begun, it was paused, or this person is excepted. */
  | { readonly kind: 'free' }
  /** It lets in, but asks. `until`: when that ends. */
  | { readonly kind: 'soon'; readonly rule: string; readonly until: Date }
  | { readonly kind: 'refused'; readonly rule: string; readonly since: Date };

export interface Enforcement {
  /** Throws storage_unavailable. */
  standingOf(target: string, entry: LegacyEntry): Promise<EnforcementStanding>;
}

export interface EnforcementDeps {
  readonly db: Queryable;
  readonly claimTokens: readonly ClaimTokenSettings[];
  /** Milliseconds since the epoch. */
  readonly nowMs?: () => number;
}

const DAY_MS = 86_400_000;
const EVERY_STATE: Selection['states'] = ['active', 'disabled', 'locked'];

/**
 * Rules are settings and cost nothing to ask. What operators say meanwhile, a pause or an exception, is read from the
 * database each time that a rule would stop somebody, and kept nowhere: it counts from the next login on, on all nodes.
 */
export function openEnforcement({ db, claimTokens, nowMs = Date.now }: EnforcementDeps): Enforcement {
  return {
    standingOf: async (target, entry) => {
      const settings = claimTokens.find((one) => one.target === target);
      const rule = settings && ruleFor(settings, entry);
      if (!rule) return FREE;
      const now = nowMs();
      if (now < rule.from.getTime()) return FREE;
      if (await isLifted(db, { target, rule: rule.name, sub: entry.user.sub })) return FREE;
      const end = refusedFrom(rule);
      if (now < end.getTime()) return { kind: 'soon', rule: rule.name, until: end };
      return { kind: 'refused', rule: rule.name, since: end };
    },
  };
}

const FREE: EnforcementStanding = { kind: 'free' };

/** The one that counts for somebody: the first that fits, whether or not it has begun. */
export const ruleFor = (
  { target, enforcement }: Pick<ClaimTokenSettings, 'target' | 'enforcement'>,
  entry: LegacyEntry,
): EnforcementRule | undefined =>
  // `who` says nothing that has to do with the time.
  enforcement.find(({ who }) => matches({ ...who, target, states: EVERY_STATE, order: 'id' }, entry, 0));

/** When the days of grace are over. */
export const refusedFrom = ({ from, graceDays }: Pick<EnforcementRule, 'from' | 'graceDays'>): Date =>
  new Date(from.getTime() + graceDays * DAY_MS);

async function isLifted(
  db: Queryable,
  { target, rule, sub }: { readonly target: string; readonly rule: string; readonly sub: string },
): Promise<boolean> {
  const parts = [pausedPart({ target, rule }), exceptionPart({ target, sub })];
  const lifted = await db.runParts(
    parts,
    'select 1 from claim_rule_paused union all select 1 from claim_exception',
  );
  return lifted.length > 0;
}
