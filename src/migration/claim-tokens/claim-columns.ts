/** Claim tokens in SQL: what is read of them, and how they are asked for. `t` is the table. */
import type { ClaimPurpose, ClaimState } from './claim-token.ts';

const STATE = `case when t.state = 'open' and t.expires_at <= now() then 'expired' else t.state end`;
export const COLUMNS = `t.id::text as id, t.target, t.purpose, t.sub, t.organization, t.origin, t.campaign, ${STATE} as state,
  t.issued_at as "issuedAt", t.expires_at as "expiresAt", t.sent_at as "sentAt", t.opened_at as "openedAt",
  t.started_at as "startedAt", t.ended_at as "endedAt", t.failed_at as "failedAt", t.failure`;

export interface ClaimFilter {
  readonly id?: string | undefined;
  readonly target?: string | undefined;
  readonly sub?: string | undefined;
  readonly organization?: string | undefined;
  readonly campaign?: string | undefined;
  readonly purpose?: ClaimPurpose | undefined;
  readonly state?: ClaimState | undefined;
}

/** Each in SQL; `$?` is its value. */
const FILTERS: Readonly<Record<keyof ClaimFilter, string>> = {
  id: 't.id::text = $?',
  target: 't.target = $?',
  sub: 't.sub = $?',
  organization: 't.organization = $?',
  campaign: 't.campaign = $?',
  purpose: 't.purpose = $?',
  state: `${STATE} = $?`,
};

/** Only what is asked for is in it, so that an index can serve it; the caller's own values come behind. */
export function filtered(filter: ClaimFilter): { readonly where: string; readonly values: unknown[] } {
  const asked = Object.entries(FILTERS).flatMap(([name, text]) => {
    const value = filter[name as keyof ClaimFilter];
    return value === undefined ? [] : [{ text, value }];
  });
  const texts = asked.map(({ text }, index) => text.replace('$?', () => `$${index + 1}`));
  return { where: ['true', ...texts].join(' and '), values: asked.map(({ value }) => value) };
}
