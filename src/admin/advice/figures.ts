/** What the last survey counted, as far as it speaks for or against a pattern. */
import type { Report } from '../survey/report.ts';
import type { Fate } from '../survey/tally.ts';

/** People, each counted once per figure. */
export interface Figures {
  readonly users: number;
  /** Their password goes along without their doing anything. */
  readonly carried: number;
  /** Their password can be caught where they type it. */
  readonly captured: number;
  /** Nobody can verify their password: they set a new one. */
  readonly reset: number;
  readonly noPassword: number;
  readonly totp: number;
  /** Their one-time codes are of a kind that the target does not compute. */
  readonly totpRefused: number;
  readonly passkeys: number;
  readonly recoveryCodes: number;
  /** Linked to other identity providers. */
  readonly linked: number;
  readonly roles: number;
  readonly noEmail: number;
  readonly unverifiedEmail: number;
  readonly noName: number;
  readonly sharedLogins: number;
  readonly unmappable: number;
  /** Have not logged in for 90 days; absent where the store does not say. */
  readonly idle?: number;
}
export type FigureName = keyof Figures;

/** Of a hundred passwords two may be set anew, and it still counts as nearly all. */
const NEARLY_ALL = 0.98;

/** `reader`: the name under which the survey counted the target. */
export function figuresOf(report: Report, reader: string): Figures {
  const { users, coverage, lastLogins } = report;
  const fates = report.targets[reader];
  const sum = (...of: Fate[]) => of.reduce((total, fate) => total + (fates?.[fate].users ?? 0), 0);
  const found = (...codes: string[]) =>
    report.findings.reduce((total, { code, users: n }) => total + (codes.includes(code) ? n : 0), 0);
  const most = (...codes: string[]) => Math.max(...codes.map((code) => found(code)));
  const isKnown = (lastLogins['not known'] ?? 0) < users;
  return {
    users,
    carried: sum('carried', 'conditional', 'rehashed'),
    captured: sum('captured'),
    reset: sum('reset'),
    noPassword: sum('none'),
    totp: coverage.totp,
    totpRefused: found(`totp_not_supported@${reader}`),
    passkeys: coverage.passkeys,
    recoveryCodes: coverage.recoveryCodes,
    linked: coverage.identityProviderLinks,
    roles: coverage.roles,
    noEmail: found('email_missing', 'email_invalid'),
    unverifiedEmail: found('email_unverified'),
    noName: most('given_name_missing', 'family_name_missing'),
    sharedLogins: found('login_shared', 'login_differs_by_case'),
    unmappable: report.unmappable.reduce((total, { count }) => total + count, 0),
    ...(isKnown ? { idle: (lastLogins['1 year'] ?? 0) + (lastLogins['longer ago'] ?? 0) } : {}),
  };
}

/** Of those who have a password: the share that goes along; 1 where nobody has one. */
export function carriedShare({ carried, captured, reset }: Figures): number {
  const all = carried + captured + reset;
  return all === 0 ? 1 : carried / all;
}

export const carriesNearlyAll = (figures: Figures): boolean => carriedShare(figures) >= NEARLY_ALL;

/** Formats shown; the survey itself has them all. */
const MAX_FORMATS = 10;

/** What becomes of each format at the target, the commonest first. */
export function formatsOf(report: Report, reader: string) {
  return report.formats
    .slice(0, MAX_FORMATS)
    .map(({ format, users, targets }) => ({ format, users, outcomes: targets[reader] ?? {} }));
}
