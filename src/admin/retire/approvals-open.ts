/** Requests for an approval that concern a target. */
import type { Queryable } from '../../store/db.ts';
import { listApprovals, MAX_OPEN } from '../approvals/approvals.ts';
import type { Facts } from './facts.ts';

/** Those about the end itself are decided with it. */
const OWN = /^retire /;

/** What names another target holds nobody up; what names none may be about this one. */
export async function openApprovals(
  q: Queryable,
  target: string,
  nowMs: number,
): Promise<Facts['approvals']> {
  const open = await listApprovals(q, { nowMs, onlyOpen: true, limit: MAX_OPEN });
  return open
    .filter(({ operation, input }) => !OWN.test(operation) && (input.target ?? target) === target)
    .map(({ id, operation }) => ({ id, operation }));
}
