/** One link in words. */
import type { ClaimOrigin, ClaimToken } from '../../migration/claim-tokens/claim-token.ts';
import { minute } from './claim-desk.ts';

export const ORIGIN_WORDS: Readonly<Record<ClaimOrigin, string>> = {
  login: 'after a login here',
  app: 'at the wish of a legacy app where they were logged in',
  operator: 'by an operator',
  campaign: 'in the campaign',
  letter: 'for a letter that was owed to them',
  chain: 'after their own account',
  'sign-in': 'because they signed in at the target and nobody knew them',
};

/** How far it came: its state, or of an open one the last that happened. */
export function stepOf({ state, sentAt, openedAt, startedAt }: ClaimToken): string {
  if (state !== 'open') return state;
  if (startedAt) return 'at the target';
  if (openedAt) return 'opened';
  return sentAt ? 'sent' : 'issued';
}

export const TOKEN_HEAD = [
  'token',
  'whom',
  'for',
  'how far',
  'issued',
  'good until',
  'origin',
  'last failure',
];

export const tokenRow = (token: ClaimToken): string[] => [
  token.id,
  token.sub,
  token.organization ? `${token.target}: ${token.organization}` : token.target,
  stepOf(token),
  minute(token.issuedAt),
  minute(token.expiresAt),
  token.campaign ? `${token.origin} ${token.campaign}` : token.origin,
  token.failure ?? '',
];

export interface ClaimStep {
  readonly at: Date;
  readonly what: string;
  readonly words: string;
}

/** What happened to it, in the order of time. */
export function storyOf(token: ClaimToken): ClaimStep[] {
  const { issuedAt, sentAt, openedAt, startedAt, failedAt, endedAt, expiresAt, state } = token;
  const campaign = token.campaign ? ` ${token.campaign}` : '';
  const steps: readonly (readonly [Date | null, string, string])[] = [
    [issuedAt, 'issued', `${ORIGIN_WORDS[token.origin]}${campaign}`],
    [sentAt, 'sent', 'a letter with it went out'],
    [openedAt, 'opened', 'its page was shown'],
    [startedAt, 'started', 'somebody went to the target with it'],
    [failedAt, 'failed', `the last try came to nothing: ${token.failure ?? ''}`],
    [
      endedAt,
      state,
      state === 'claimed' ? 'the link was made' : 'it was taken back, or another one was used',
    ],
    [state === 'expired' ? expiresAt : null, 'expired', 'its time was over'],
  ];
  return steps
    .flatMap(([at, what, words]) => (at ? [{ at, what, words }] : []))
    .toSorted((a, b) => a.at.getTime() - b.at.getTime());
}
