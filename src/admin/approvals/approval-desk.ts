/** What the desk does with requests for an approval, and how it shows them. */
import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { seen } from '../batch/sections.ts';
import type { Desk } from '../operation.ts';
import { ROLES } from '../operation.ts';
import { mayDo } from '../perform.ts';
import type { Approval, Decision } from './approvals.ts';
import { approvalById, checkDecision, decide } from './approvals.ts';

export const requestNumber = z
  .string()
  .regex(/^[1-9]\d{0,17}$/, { error: 'expected the number of a request, as approval list has it' })
  .describe('The number of the request.');
export const why = z.string().min(1).max(500).optional().describe('Why, for whoever looks later.');

/** Without the word before it that the audit log has. */
const nameOf = ({ actor }: Desk) => actor.replace(/^operator:/, '');

/** Whoever could do it themselves may approve it, and nobody below an operator. */
function checkRole({ role = 'viewer' }: Desk, approval: Approval): void {
  const needed = ROLES.find((one) => one === approval.role && one !== 'viewer') ?? 'operator';
  if (!mayDo(role, needed))
    throw new FootbridgeError('role_needed', { detail: `${approval.operation}: ${needed}` });
}

export interface Decided {
  readonly executed: boolean;
  readonly approval: Approval;
}

type Word = Pick<Decision, 'id' | 'state' | 'note'>;

export async function decideAtDesk(desk: Desk, word: Word, execute: boolean): Promise<Decided> {
  const decision = { ...word, by: nameOf(desk), nowMs: Date.now() };
  const mayDecide = (approval: Approval) => checkRole(desk, approval);
  if (execute) return { executed: true, approval: await decide(desk.db, decision, mayDecide) };
  const approval = await approvalById(desk.db, word.id, decision.nowMs);
  mayDecide(approval);
  checkDecision(approval, decision);
  return { executed: false, approval };
}

const minute = (at: Date) => `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;

/** One line of a list. */
export const approvalLine = ({ id, state, operation, input, askedBy, expiresAt }: Approval): string =>
  seen(
    `${id.padStart(5)}  ${state.padEnd(8)} ${operation}${inputWords(input)}  (${askedBy}, until ${minute(expiresAt)})`,
  );

const inputWords = (input: Approval['input']) =>
  Object.entries(input)
    .filter(([, value]) => value !== false)
    .map(([name, value]) => ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join('');

/** All of one. */
export function approvalLines(approval: Approval): string[] {
  const { id, state, operation, input, askedBy, askedAt, decidedBy, decidedAt, note, usedBy, usedAt } =
    approval;
  return [
    `Request ${id} is ${state}: ${operation}${inputWords(input)}`,
    `  asked by ${askedBy}, ${minute(askedAt)}`,
    ...(decidedBy && decidedAt
      ? [`  decided by ${decidedBy}, ${minute(decidedAt)}${note ? `: ${note}` : ''}`]
      : []),
    ...(usedBy && usedAt ? [`  used by ${usedBy}, ${minute(usedAt)}`] : []),
    ...(state === 'asked' || state === 'granted' ? [`  until ${minute(approval.expiresAt)}`] : []),
    ...(approval.says === ''
      ? []
      : ['  The dry run said:', ...approval.says.split('\n').map((line) => `    ${line}`)]),
  ].map(seen);
}
