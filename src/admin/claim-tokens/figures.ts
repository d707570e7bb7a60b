/** How people come along with linking their accounts, in figures: by day, in all, and of the people a rule is for. */
import type { ClaimTokenSettings, EnforcementRule } from '../../migration/claim-tokens/claim-settings.ts';
import type { ClaimDay } from '../../migration/claim-tokens/claim-tokens.ts';
import { claimsByDay } from '../../migration/claim-tokens/claim-tokens.ts';
import { counts, ledgerOf } from '../../migration/ledger.ts';
import { campaignCounts } from '../../migration/mailings/mailings.ts';
import { hasTargetUser } from '../../migration/states.ts';
import type { Desk } from '../operation.ts';

export const FIGURES = [
  'issued',
  'sent',
  'opened',
  'started',
  'claimed',
  'expired',
  'revoked',
  'failed',
] as const;
export type Figure = (typeof FIGURES)[number];
export type Totals = Readonly<Record<Figure, number>>;

export const FIGURE_WORDS: Readonly<Record<Figure, string>> = {
  issued: 'links were made',
  sent: 'went out in a letter',
  opened: 'were opened, or led there at once',
  started: 'led somebody to the target',
  claimed: 'have linked an account or organization',
  expired: 'were not used in time',
  revoked: 'were taken back, most because another link of the same person was used',
  failed: 'were tried in vain, and nothing came of them since',
};

/** What became of letters of campaigns. */
export const LETTERS = ['enrolled', 'sent', 'failed', 'skipped', 'unsure'] as const;
export type LetterTotals = Readonly<Record<(typeof LETTERS)[number], number>>;

export interface Coverage {
  readonly rule: string;
  /** Null: the legacy store would have to be read for it. */
  readonly people: number | null;
  readonly linked: number | null;
}

export interface ClaimFigures {
  readonly target: string;
  readonly campaign: string | null;
  readonly days: number;
  /** From the first on which there was something until today; by the day on which links were made, UTC. */
  readonly byDay: readonly ClaimDay[];
  readonly totals: Totals;
  readonly letters: LetterTotals;
  /** Everybody of the target's, by whatever road. */
  readonly linked: number;
  readonly coverage: readonly Coverage[];
}

export interface Asked {
  readonly campaign?: string | undefined;
  readonly days: number;
}

export async function claimFigures(
  desk: Desk,
  settings: ClaimTokenSettings,
  { campaign, days }: Asked,
): Promise<ClaimFigures> {
  const { db } = desk;
  const { target } = settings;
  const asked = { target, campaign, days };
  const found = await claimsByDay(db, asked);
  const letters = await campaignCounts(db, asked);
  const linked = (await counts(db))
    .filter((one) => one.target === target && hasTargetUser(one.state))
    .reduce((sum, { users }) => sum + users, 0);
  return {
    target,
    campaign: campaign ?? null,
    days,
    byDay: withoutGaps(found, new Date()),
    totals: summed(FIGURES, found),
    letters: summed(LETTERS, letters),
    linked,
    coverage: await coverageOf(desk, settings, linked),
  };
}

function summed<Name extends string>(
  names: readonly Name[],
  rows: readonly Readonly<Record<Name, number>>[],
): Readonly<Record<Name, number>> {
  const sum = (name: Name) => rows.reduce((all, row) => all + row[name], 0);
  return Object.fromEntries(names.map((name) => [name, sum(name)])) as Record<Name, number>;
}

const DAY_MS = 86_400_000;
const NONE = Object.fromEntries(FIGURES.map((name) => [name, 0])) as Record<Figure, number>;

function withoutGaps(found: readonly ClaimDay[], today: Date): ClaimDay[] {
  const [first] = found;
  if (!first) return [];
  const byDay = new Map(found.map((one) => [one.day, one]));
  const last = [today.toISOString().slice(0, 10), found.at(-1)!.day].toSorted().at(-1)!;
  const days: ClaimDay[] = [];
  for (let at = Date.parse(first.day); at <= Date.parse(last); at += DAY_MS) {
    const day = new Date(at).toISOString().slice(0, 10);
    days.push(byDay.get(day) ?? { day, ...NONE });
  }
  return days;
}

/** A list that is longer is counted by nobody in passing. */
const MAX_LISTED = 10_000;

async function coverageOf(
  { db, directory }: Desk,
  { target, enforcement }: ClaimTokenSettings,
  linked: number,
): Promise<Coverage[]> {
  const covered: Coverage[] = [];
  for (const rule of enforcement) {
    const { subs } = rule.who;
    if (isForEverybody(rule)) {
      // An outage of the legacy store leaves one figure out, and no more.
      const people = (await directory.count?.().catch(() => null)) ?? null;
      covered.push({ rule: rule.name, people, linked: people === null ? null : linked });
    } else if (subs && isOnlyListed(rule) && subs.length <= MAX_LISTED) {
      const rows = await ledgerOf(db, target, subs);
      const there = rows.filter(({ state }) => hasTargetUser(state)).length;
      covered.push({ rule: rule.name, people: subs.length, linked: there });
    } else covered.push({ rule: rule.name, people: null, linked: null });
  }
  return covered;
}

const asksFor = ({ who }: EnforcementRule) =>
  Object.entries(who).flatMap(([name, value]) => (value === undefined ? [] : [name]));
const isForEverybody = (rule: EnforcementRule) => asksFor(rule).length === 0;
const isOnlyListed = (rule: EnforcementRule) => asksFor(rule).join() === 'subs';

/** `12.3 %` of something; nothing of nothing. */
export const share = (part: number, whole: number): string =>
  whole === 0 ? '' : `${((part / whole) * 100).toFixed(1)} %`;
