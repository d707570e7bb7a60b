/** What a survey found, for people and programs: numbers, shares, and what to look at. No secret, no name: subjects only. */
import type { SharedLogins } from './checkpoints.ts';
import type { Finding, StoreFinding } from './findings.ts';
import { findingOf, STORE_FINDINGS } from './findings.ts';
import type { Cases, Fate, FormatTally, Tally, Weighted } from './tally.ts';

export interface ReportedFinding extends Finding {
  readonly users: number;
  /** Subjects; of shared logins, those who share one. */
  readonly examples: readonly string[];
}

export interface Report extends Omit<Tally, 'findings' | 'unmappable' | 'formats'> {
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly formats: readonly (FormatTally & { readonly format: string })[];
  /** The share of users, and of those who logged in lately, whose password goes along without their doing anything. */
  readonly translatable: Readonly<Record<string, { readonly users: number; readonly recent: number | null }>>;
  readonly findings: readonly ReportedFinding[];
  readonly unmappable: readonly (Cases & { readonly reason: string })[];
}

/** Nobody has to do anything: rewritten, or hashed afresh from what the store can recover. */
const GOES_ALONG: readonly Fate[] = ['carried', 'conditional', 'rehashed'];
const SEVERITIES: readonly Finding['severity'][] = ['stops', 'warns', 'tells'];

export function reportOf(
  tally: Tally,
  shared: readonly SharedLogins[],
  { targets, startedAt, finishedAt }: { targets: readonly string[]; startedAt: Date; finishedAt: Date },
): Report {
  const { findings, unmappable, formats, ...counts } = tally;
  const own = Object.entries(findings).flatMap(([code, { count, examples }]) => {
    const finding = findingOf(code);
    return finding ? [{ ...finding, users: count, examples }] : [];
  });
  const all = [...own, ...shared.map(sharedFinding)];
  return {
    ...counts,
    startedAt: startedAt.toISOString(),
    finishedAt: finishedAt.toISOString(),
    formats: Object.entries(formats)
      .map(([format, counted]) => ({ format, ...counted }))
      .sort((a, b) => b.users - a.users || a.format.localeCompare(b.format)),
    translatable: Object.fromEntries(targets.map((name) => [name, shareOf(tally.targets[name]!)])),
    findings: all.sort(
      (a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) || b.users - a.users,
    ),
    unmappable: Object.entries(unmappable).map(([reason, cases]) => ({ reason, ...cases })),
  };
}

function shareOf(fates: Readonly<Record<Fate, Weighted>>): { users: number; recent: number | null } {
  const sum = (of: readonly Fate[], what: keyof Weighted) =>
    of.reduce((total, fate) => total + fates[fate][what], 0);
  const withPassword = (Object.keys(fates) as Fate[]).filter((fate) => fate !== 'none');
  const share = (what: keyof Weighted) => {
    const all = sum(withPassword, what);
    return all === 0 ? null : sum(GOES_ALONG, what) / all;
  };
  return { users: share('users') ?? 1, recent: share('recent') };
}

function sharedFinding({ kind, differs, users, examples }: SharedLogins): ReportedFinding {
  const code = codeOf(kind, differs);
  return { code, ...STORE_FINDINGS[code], users, examples };
}

function codeOf(kind: SharedLogins['kind'], differs: boolean): StoreFinding {
  if (kind === 'id') return 'id_repeated';
  if (kind === 'local') return 'local_part_shared';
  return differs ? 'login_differs_by_case' : 'login_shared';
}
