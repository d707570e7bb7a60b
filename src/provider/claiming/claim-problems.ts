/** Why a link is not made, as its page: what happened, with which status, and what the person can do now. */

import type { ErrorCode } from '../../errors.ts';
import { isFootbridgeError } from '../../errors.ts';
import { SignInFailed } from '../../targets/sign-in.ts';
import type { ClaimProblem, ClaimWay } from '../pages/page.ts';

/** Problem → HTTP status, and what may be done about it. */
export const PROBLEMS: Readonly<Record<ClaimProblem, readonly [status: number, ...ways: ClaimWay[]]>> = {
  unknown: [404, 'sign-in'],
  expired: [410, 'new-link', 'sign-in'],
  used: [410, 'sign-in', 'continue'],
  revoked: [410, 'new-link', 'sign-in'],
  purpose: [400, 'sign-in'],
  linked: [409, 'continue'],
  linked_elsewhere: [409, 'other-account', 'continue'],
  conflict: [409, 'other-account'],
  held: [409, 'retry'],
  wrong_account: [403, 'sign-in', 'log-out'],
  cancelled: [200, 'retry'],
  refused: [502, 'retry'],
  target_down: [503, 'retry'],
  lost: [400, 'sign-in'],
  not_me: [200],
  gone: [410],
  owner_needed: [403, 'continue'],
  person_first: [409, 'sign-in'],
  not_decider: [403, 'other-account'],
  organization_linked: [409, 'continue'],
};

const BY_CODE: Partial<Record<ErrorCode, ClaimProblem>> = {
  claim_token_unknown: 'unknown',
  claim_token_expired: 'expired',
  claim_token_spent: 'used',
  claim_token_purpose: 'purpose',
  claim_token_held: 'held',
  user_linked: 'linked_elsewhere',
  already_linked: 'conflict',
  user_not_found: 'gone',
  user_disabled: 'gone',
  user_excluded: 'gone',
  organization_not_found: 'gone',
  organization_linked: 'organization_linked',
  owner_needed: 'owner_needed',
  person_first: 'person_first',
  target_refused: 'refused',
  target_unavailable: 'target_down',
};

/** Undefined: it is not about this link, and told as every other error. */
export function problemOf(error: unknown): ClaimProblem | undefined {
  if (error instanceof SignInFailed)
    return ({ cancelled: 'cancelled', refused: 'refused', unavailable: 'target_down' } as const)[error.kind];
  return isFootbridgeError(error) ? BY_CODE[error.code] : undefined;
}
